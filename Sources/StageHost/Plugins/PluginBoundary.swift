internal import CAquatintPlugin

// How structs and texts of plug-ins are read: everything from outside is bounded.

/// Limits on what a descriptor may hold. Real plug-ins stay far below; garbage does not.
enum DescriptorLimit {
    static let stages = 256
    static let parameters = 256
    static let inputs = 16
    static let choices = 1024
    static let listItems: UInt64 = 4096
    static let bands = 1 << 16
    static let identifier = 100
    static let text = 16 << 10
    static let json = 1 << 20
    static let structSize: UInt32 = 1 << 16
}

/// The `struct_size` of a struct of ours.
func structSize<T>(of type: T.Type) -> UInt32 { UInt32(MemoryLayout<T>.size) }

/// A struct of ours, all zeros but for its `struct_size`, ready to be filled by a plug-in.
func emptyStruct<T: BitwiseCopyable>(_ type: T.Type) -> T {
    withUnsafeTemporaryAllocation(of: T.self, capacity: 1) { copy in
        let raw = UnsafeMutableRawBufferPointer(copy)
        raw.initializeMemory(as: UInt8.self, repeating: 0)
        raw.storeBytes(of: structSize(of: T.self), as: UInt32.self)
        return copy[0]
    }
}

/// What is wrong with a struct's address or size.
struct StructFault: Error {
    let message: String
}

/// Reads a struct of a plug-in's: what lies inside its `struct_size`, and zeros for the rest.
///
/// - Parameter required: the bytes that interface 1.0 defines; a shorter struct was never valid. A longer one comes from a newer
///   header, and its tail is ignored.
func readStruct<T: BitwiseCopyable>(_ source: UnsafePointer<T>, required: Int = MemoryLayout<T>.size) throws(StructFault) -> T {
    guard UInt(bitPattern: source) % UInt(MemoryLayout<T>.alignment) == 0 else {
        throw StructFault(message: "\(T.self) lies at an address that is not a multiple of \(MemoryLayout<T>.alignment)")
    }
    let size = UnsafeRawPointer(source).load(as: UInt32.self)
    guard size >= required else {
        throw StructFault(message: "\(T.self).struct_size is \(size), interface 1.0 has \(required) bytes: set it to sizeof(\(T.self))")
    }
    guard size <= DescriptorLimit.structSize else {
        throw StructFault(message: "\(T.self).struct_size is \(size), which no version has: set it to sizeof(\(T.self))")
    }
    return withUnsafeTemporaryAllocation(of: T.self, capacity: 1) { copy in
        let raw = UnsafeMutableRawBufferPointer(copy)
        raw.initializeMemory(as: UInt8.self, repeating: 0)
        raw.copyMemory(from: UnsafeRawBufferPointer(start: source, count: min(Int(size), raw.count)))
        return copy[0]
    }
}

/// A C text of at most `limit` bytes; `nil` where it is longer or not UTF-8.
func readText(_ text: UnsafePointer<CChar>, limit: Int) -> String? {
    var length = 0
    while text[length] != 0 {
        length += 1
        guard length <= limit else { return nil }
    }
    return String(validating: UnsafeRawBufferPointer(start: text, count: length), as: UTF8.self)
}

/// The elements of a NULL-terminated array; `nil` where there are more than `limit`.
func readPointers<T>(_ array: UnsafePointer<UnsafePointer<T>?>, limit: Int) -> [UnsafePointer<T>]? {
    var result: [UnsafePointer<T>] = []
    while let element = array[result.count] {
        guard result.count < limit else { return nil }
        result.append(element)
    }
    return result
}

/// A text that ends at its first 0 byte, or fills the field; bytes that are no UTF-8 and control characters are replaced, so that
/// a plug-in's message can neither break a terminal nor a line of a log.
func readMessage<Field>(_ field: Field) -> String {
    withUnsafeBytes(of: field) { bytes in
        cleaned(String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self))
    }
}

/// One line without control characters, and without those that turn the direction of writing round.
func cleaned(_ text: String) -> String {
    var scalars = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
        let isControl = switch scalar.value {
        case 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: scalar.properties.generalCategory == .control
        }
        scalars.append(isControl ? (scalar == "\n" || scalar == "\t" ? " " : "\u{FFFD}") : scalar)
    }
    return String(scalars)
}
