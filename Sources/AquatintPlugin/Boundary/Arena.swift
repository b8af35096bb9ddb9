/// Memory for C structs that point at each other, freed as one when the arena goes.
final class Arena {
    private var blocks: [UnsafeMutableRawPointer] = []
    private let isImmortal: Bool

    /// - Parameter isImmortal: whether the memory lives until the process exits, for tables that the interface wants for ever.
    init(isImmortal: Bool = false) { self.isImmortal = isImmortal }

    deinit {
        guard !isImmortal else { return }
        for block in blocks { block.deallocate() }
    }

    /// A copy of one value.
    func place<T: BitwiseCopyable>(_ value: T) -> UnsafeMutablePointer<T> {
        let block = UnsafeMutableRawPointer.allocate(byteCount: MemoryLayout<T>.stride, alignment: MemoryLayout<T>.alignment)
        blocks.append(block)
        let pointer = block.bindMemory(to: T.self, capacity: 1)
        pointer.initialize(to: value)
        return pointer
    }

    /// A copy of a list; `nil` for an empty one.
    func place<T: BitwiseCopyable>(list: [T]) -> UnsafeMutablePointer<T>? {
        guard !list.isEmpty else { return nil }
        let block = UnsafeMutableRawPointer.allocate(byteCount: MemoryLayout<T>.stride * list.count,
                                                     alignment: MemoryLayout<T>.alignment)
        blocks.append(block)
        let pointer = block.bindMemory(to: T.self, capacity: list.count)
        for (index, element) in list.enumerated() { (pointer + index).initialize(to: element) }
        return pointer
    }

    /// A NULL-terminated array of pointers.
    func place<T>(nullTerminated pointers: [UnsafePointer<T>]) -> UnsafePointer<UnsafePointer<T>?> {
        let list: [UnsafePointer<T>?] = pointers + [nil]
        let block = UnsafeMutableRawPointer.allocate(byteCount: MemoryLayout<UnsafePointer<T>?>.stride * list.count,
                                                     alignment: MemoryLayout<UnsafePointer<T>?>.alignment)
        blocks.append(block)
        let pointer = block.bindMemory(to: UnsafePointer<T>?.self, capacity: list.count)
        for (index, element) in list.enumerated() { (pointer + index).initialize(to: element) }
        return UnsafePointer(pointer)
    }

    /// A copy of a text, ended by a 0 byte.
    func place(text: String) -> UnsafePointer<CChar> {
        let bytes = Array(text.utf8) + [0]
        let block = UnsafeMutableRawPointer.allocate(byteCount: bytes.count, alignment: 1)
        blocks.append(block)
        block.copyMemory(from: bytes, byteCount: bytes.count)
        return UnsafePointer(block.bindMemory(to: CChar.self, capacity: bytes.count))
    }
}
