internal import Foundation
internal import Synchronization

/// Messages over a socket: the length in four bytes, least significant first, then that many bytes of JSON.
///
/// Any thread may send; one thread receives.
final class MessageChannel: Sendable {
    let descriptor: Int32
    private let sending = Mutex<Void>(())
    private static let maximum = 64 << 20

    /// Takes the descriptor over.
    init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// - Returns: whether the other side still listens.
    @discardableResult
    func send(_ message: some Encodable) -> Bool {
        guard let body = try? JSONEncoder().encode(message) else { return false }
        var bytes = Data(capacity: body.count + 4)
        withUnsafeBytes(of: UInt32(clamping: body.count).littleEndian) { bytes.append(contentsOf: $0) }
        bytes.append(body)
        return sending.withLock { _ in
            bytes.withUnsafeBytes { raw in
                var sent = 0
                while sent < raw.count, let base = raw.baseAddress {
                    // A peer that is gone is an answer, no reason to die.
                    let count = Glibc.send(descriptor, base + sent, raw.count - sent, Int32(MSG_NOSIGNAL))
                    if count < 0, errno == EINTR { continue }
                    guard count > 0 else { return false }
                    sent += count
                }
                return true
            }
        }
    }

    /// Says that no more messages come. What the other side has sent can still be received.
    func hangUp() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Waits for a message; nil where the other side is gone, or talks nonsense.
    func receive<Message: Decodable>(_ type: Message.Type) -> Message? {
        guard let head = read(4) else { return nil }
        let count = head.enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
        guard count <= Self.maximum, let body = read(count) else { return nil }
        return try? JSONDecoder().decode(Message.self, from: body)
    }

    private func read(_ count: Int) -> Data? {
        var data = Data(count: count)
        let isWhole = data.withUnsafeMutableBytes { raw in
            var filled = 0
            while filled < raw.count, let base = raw.baseAddress {
                let part = Glibc.read(descriptor, base + filled, raw.count - filled)
                if part < 0, errno == EINTR { continue }
                guard part > 0 else { return false }
                filled += part
            }
            return true
        }
        return isWhole ? data : nil
    }
}
