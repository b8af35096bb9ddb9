internal import Foundation
internal import Synchronization

/// A message as it travels.
///
/// Most are JSON. Those that come several times an image have a form of a few bytes, since JSON would take a tenth of the time of a small picture.
protocol Message: Codable {
    /// The short form, which must not begin with `{`; nil: JSON.
    var shortForm: [UInt8]? { get }
    init?(shortForm: [UInt8])
}

extension Message {
    var shortForm: [UInt8]? { nil }
    init?(shortForm: [UInt8]) { return nil }
}

/// Messages over a socket: the length in four bytes, least significant first, then that many bytes.
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
    func send(_ message: some Message) -> Bool {
        guard let body = message.shortForm.map({ Data($0) }) ?? (try? JSONEncoder().encode(message)) else { return false }
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

    /// Lets `receive` end after what has arrived: for a peer that is gone while another process still holds its end.
    func cut() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// Waits for a message; nil where the other side is gone, or talks nonsense.
    func receive<Received: Message>(_ type: Received.Type) -> Received? {
        guard let head = read(4) else { return nil }
        let count = head.enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
        guard count <= Self.maximum, let body = read(count) else { return nil }
        return body.first == UInt8(ascii: "{") ? try? JSONDecoder().decode(Received.self, from: body) : Received(shortForm: Array(body))
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
