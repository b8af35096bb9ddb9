internal import Foundation
internal import Synchronization

/// A message as it travels.
///
/// Most are JSON. Those that come with every image are ``PackedBytes``.
protocol Message: Codable {
    /// As bytes that do not begin with `{`; nil: JSON.
    var packed: [UInt8]? { get }
    init?(packed: [UInt8])
}

/// Messages over a socket: four bytes that are always the same, the length in four bytes, least significant first, then that many bytes.
///
/// Where foreign code writes to the socket, whatever it is, the next message does not begin as it must: that is seen, and not waited for.
///
/// Any thread may send; one thread receives.
final class MessageChannel: Sendable {
    let descriptor: Int32
    private let sending = Mutex<Void>(())
    private let arrived = Mutex(Arrived())
    private static let maximum = 64 << 20
    /// No text begins so.
    private static let beginning: [UInt8] = [0xA7, 0x01, 0xFE, 0x7A]
    private let saidNonsense = Atomic(false)

    /// Takes the descriptor over.
    init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// A message that cannot be written is a fault of this program: it is said, and the channel ends, since the other side would wait for ever.
    ///
    /// - Returns: whether the other side still listens.
    @discardableResult
    func send(_ message: some Message) -> Bool {
        let body: [UInt8]
        do {
            body = try message.packed ?? Self.json(message)
            guard body.count <= Self.maximum else { throw EncodingError.invalidValue(body.count, .init(codingPath: [], debugDescription: "it has \(body.count) bytes")) }
        } catch {
            FileHandle.standardError.write(Data("aquatint: a message between its processes cannot be written: \(error)\n".utf8))
            cut()
            return false
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(body.count + Self.beginning.count + 4)
        bytes += Self.beginning
        withUnsafeBytes(of: UInt32(clamping: body.count).littleEndian) { bytes.append(contentsOf: $0) }
        bytes += body
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

    /// JSON has no name for what is no finite number.
    private static let numbers = (infinity: "inf", negative: "-inf", none: "nan")

    private static func json(_ message: some Message) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.nonConformingFloatEncodingStrategy = .convertToString(positiveInfinity: numbers.infinity, negativeInfinity: numbers.negative, nan: numbers.none)
        return Array(try encoder.encode(message))
    }

    private static func message<Received: Message>(_ json: [UInt8]) -> Received? {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(positiveInfinity: numbers.infinity, negativeInfinity: numbers.negative, nan: numbers.none)
        return try? decoder.decode(Received.self, from: Data(json))
    }

    /// Says that no more messages come. What the other side has sent can still be received.
    func hangUp() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Lets `receive` end after what has arrived: for a peer that is gone while another process still holds its end.
    func cut() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// Waits for a message; nil where the other side is gone, or talks nonsense.
    func receive<Received: Message>(_ type: Received.Type) -> Received? {
        guard let beginning = read(Self.beginning.count) else { return nil }
        guard beginning == Self.beginning else { return nonsense() }
        guard let head = read(4) else { return nil }
        let count = head.enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
        guard count <= Self.maximum else { return nonsense() }
        guard let body = read(count) else { return nil }
        return (body.first == UInt8(ascii: "{") ? Self.message(body) : Received(packed: body)) ?? nonsense()
    }

    private func nonsense<Received>() -> Received? {
        saidNonsense.store(true, ordering: .relaxed)
        return nil
    }

    /// Whether what was received last was no message: the other side is there, and cannot be understood.
    var isNonsense: Bool { saidNonsense.load(ordering: .relaxed) }

    /// The next bytes. As many are taken from the socket at once as there are.
    private func read(_ count: Int) -> [UInt8]? {
        arrived.withLock { arrived in
            while arrived.bytes.count - arrived.start < count {
                arrived.bytes.removeFirst(arrived.start)
                arrived.start = 0
                let wanted = max(count - arrived.bytes.count, 4096)
                let part = withUnsafeTemporaryAllocation(byteCount: wanted, alignment: 1) { buffer in
                    let part = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                    if part > 0 { arrived.bytes.append(contentsOf: buffer[..<part]) }
                    return part
                }
                if part < 0, errno == EINTR { continue }
                guard part > 0 else { return nil }
            }
            defer { arrived.start += count }
            return Array(arrived.bytes[arrived.start..<(arrived.start + count)])
        }
    }

    /// What was read and not yet taken.
    private struct Arrived {
        var bytes: [UInt8] = []
        var start = 0
    }
}
