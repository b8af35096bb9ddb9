internal import Inference
internal import StageHost

/// Values one after the other, without names: for messages that come with every image, where JSON would take a twentieth of the time of a small picture.
///
/// Both sides are the same program, so that there is no version of it. Integers take 8 bytes, least significant first; texts and lists begin with their count.
struct PackedBytes {
    private(set) var bytes: [UInt8]
    private var position = 0

    struct Malformed: Error {}

    init(beginning bytes: [UInt8] = []) {
        self.bytes = bytes
        self.bytes.reserveCapacity(512)
    }

    /// To be unpacked, from `position` on.
    init(_ bytes: [UInt8], from position: Int) { (self.bytes, self.position) = (bytes, position) }

    mutating func add<each Value: Packed>(_ value: repeat each Value) { repeat (each value).pack(into: &self) }

    mutating func next<Value: Packed>(_ type: Value.Type = Value.self) throws(Malformed) -> Value { try Value(unpacking: &self) }

    fileprivate mutating func add(word: UInt64) { withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) } }

    fileprivate mutating func word() throws(Malformed) -> UInt64 {
        guard bytes.count - position >= 8 else { throw Malformed() }
        defer { position += 8 }
        return bytes.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: position, as: UInt64.self)) }
    }

    fileprivate mutating func add(text: String) {
        var text = text
        text.withUTF8 { utf8 in
            add(word: UInt64(utf8.count))
            bytes.append(contentsOf: utf8)
        }
    }

    fileprivate mutating func text() throws(Malformed) -> String {
        let count = try count()
        defer { position += count }
        return bytes.withUnsafeBytes { String(decoding: UnsafeRawBufferPointer(rebasing: $0[position..<(position + count)]), as: UTF8.self) }
    }

    /// Of things that take a byte at least.
    fileprivate mutating func count() throws(Malformed) -> Int {
        guard let count = Int(exactly: try word()), count <= bytes.count - position else { throw Malformed() }
        return count
    }
}

/// What can be a part of ``PackedBytes``.
protocol Packed {
    func pack(into bytes: inout PackedBytes)
    init(unpacking bytes: inout PackedBytes) throws(PackedBytes.Malformed)
}

extension Int: Packed {
    func pack(into bytes: inout PackedBytes) { bytes.add(word: UInt64(bitPattern: Int64(self))) }
    init(unpacking bytes: inout PackedBytes) throws(PackedBytes.Malformed) { self = Int(Int64(bitPattern: try bytes.word())) }
}

extension Int64: Packed {
    func pack(into bytes: inout PackedBytes) { bytes.add(word: UInt64(bitPattern: self)) }
    init(unpacking bytes: inout PackedBytes) throws(PackedBytes.Malformed) { self = Int64(bitPattern: try bytes.word()) }
}

extension Double: Packed {
    func pack(into bytes: inout PackedBytes) { bytes.add(word: bitPattern) }
    init(unpacking bytes: inout PackedBytes) throws(PackedBytes.Malformed) { self.init(bitPattern: try bytes.word()) }
}

extension String: Packed {
    func pack(into bytes: inout PackedBytes) { bytes.add(text: self) }
    init(unpacking bytes: inout PackedBytes) throws(PackedBytes.Malformed) { self = try bytes.text() }
}

extension Optional: Packed where Wrapped: Packed {
    func pack(into bytes: inout PackedBytes) {
        bytes.add(self == nil ? 0 : 1)
        self?.pack(into: &bytes)
    }

    init(unpacking bytes: inout PackedBytes) throws(PackedBytes.Malformed) { self = try bytes.next(Int.self) == 0 ? nil : try bytes.next(Wrapped.self) }
}

extension Array: Packed where Element: Packed {
    func pack(into bytes: inout PackedBytes) {
        bytes.add(count)
        for element in self { element.pack(into: &bytes) }
    }

    init(unpacking bytes: inout PackedBytes) throws(PackedBytes.Malformed) {
        self = []
        for _ in 0..<(try bytes.count()) { append(try bytes.next()) }
    }
}

extension PlannedImage: Packed {
    func pack(into bytes: inout PackedBytes) { bytes.add(index, input.path, input.folder, input.number, outputs, self.bytes, problem, pages) }

    init(unpacking bytes: inout PackedBytes) throws(PackedBytes.Malformed) {
        self.init(index: try bytes.next(), input: InputFile(path: try bytes.next(), folder: try bytes.next(), number: try bytes.next()), outputs: try bytes.next(),
                  bytes: try bytes.next(), problem: try bytes.next(), pages: try bytes.next())
    }
}

extension MadeImage: Packed {
    func pack(into bytes: inout PackedBytes) {
        bytes.add(pixels, notes, seconds, stages, precision, engine, peakMemory, inputSize, outputSizes, content, written, files, damage)
    }

    init(unpacking bytes: inout PackedBytes) throws(PackedBytes.Malformed) {
        self.init(pixels: try bytes.next(), notes: try bytes.next(), seconds: try bytes.next(), stages: try bytes.next(), precision: try bytes.next(),
                  engine: try bytes.next(), peakMemory: try bytes.next(), inputSize: try bytes.next(), outputSizes: try bytes.next(), content: try bytes.next(),
                  written: try bytes.next(), files: try bytes.next(), damage: try bytes.next())
    }
}

extension StageSeconds: Packed {
    func pack(into bytes: inout PackedBytes) { bytes.add(name, seconds) }
    init(unpacking bytes: inout PackedBytes) throws(PackedBytes.Malformed) { self.init(name: try bytes.next(), seconds: try bytes.next()) }
}

extension ContentStamp: Packed {
    func pack(into bytes: inout PackedBytes) { bytes.add(size, modified, hash) }
    init(unpacking bytes: inout PackedBytes) throws(PackedBytes.Malformed) { self.init(size: try bytes.next(), modified: try bytes.next(), hash: try bytes.next()) }
}

extension WorkerState: Packed {
    func pack(into bytes: inout PackedBytes) { bytes.add(notes, resident, pace) }
    init(unpacking bytes: inout PackedBytes) throws(PackedBytes.Malformed) { self.init(notes: try bytes.next(), resident: try bytes.next(), pace: try bytes.next()) }
}
