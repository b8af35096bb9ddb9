// How structs cross the boundary. Each starts with struct_size, the bytes that its owner allocated: the only part of it that
// may be touched. The other side may be older (a shorter struct) or newer (a longer one).

/// Reads a struct of the host's: what lies inside its `struct_size`, and zeros for the rest.
///
/// Where this is undone, a plug-in built with a newer header reads past the end of an older host's struct.
func boundedCopy<T: BitwiseCopyable>(of source: UnsafePointer<T>) -> T {
    withUnsafeTemporaryAllocation(of: T.self, capacity: 1) { copy in
        let raw = UnsafeMutableRawBufferPointer(copy)
        raw.initializeMemory(as: UInt8.self, repeating: 0)
        let size = UnsafeRawPointer(source).load(as: UInt32.self)
        let common = min(Int(size), raw.count)
        raw.copyMemory(from: UnsafeRawBufferPointer(start: source, count: common))
        return copy[0]
    }
}

/// Writes a struct of the host's: what lies inside its `struct_size`, which stays as it is.
func boundedFill<T: BitwiseCopyable>(_ destination: UnsafeMutablePointer<T>, with value: T) {
    let size = UnsafeRawPointer(destination).load(as: UInt32.self)
    let head = MemoryLayout<UInt32>.size
    let common = min(Int(size), MemoryLayout<T>.size)
    guard common > head else { return }
    withUnsafeBytes(of: value) { bytes in
        UnsafeMutableRawBufferPointer(start: destination, count: common)[head...].copyBytes(from: bytes[head..<common])
    }
}

/// The `struct_size` of a struct of ours.
func structSize<T>(of type: T.Type) -> UInt32 { UInt32(MemoryLayout<T>.size) }
