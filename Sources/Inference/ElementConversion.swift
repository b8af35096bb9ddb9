extension ElementType {
    /// Writes `values` to `memory` as this type. Integers are rounded half away from zero and limited to the type's range; bool is "not zero".
    ///
    /// - Parameter memory: room for `values.count` elements of this type, aligned for it.
    /// - Throws: `EngineError.mismatch` on NaN where the type has none, naming the input.
    func convert(_ values: UnsafeBufferPointer<Float>, to memory: UnsafeMutableRawPointer, name: String) throws(EngineError) {
        switch self {
        case .f32: memory.write(values) { $0 }
        case .f64: memory.write(values) { Double($0) }
        case .f16: memory.write(values) { Float16($0) }
        case .bf16: memory.write(values) { BFloat16.bits($0) }
        case .bool: try memory.writeIntegers(values, name: name) { (value: Float) -> UInt8 in value == 0 ? 0 : 1 }
        case .i8: try memory.writeIntegers(values, name: name) { Int8(nearest: $0) }
        case .i16: try memory.writeIntegers(values, name: name) { Int16(nearest: $0) }
        case .i32: try memory.writeIntegers(values, name: name) { Int32(nearest: $0) }
        case .i64: try memory.writeIntegers(values, name: name) { Int64(nearest: $0) }
        case .u8: try memory.writeIntegers(values, name: name) { UInt8(nearest: $0) }
        case .u16: try memory.writeIntegers(values, name: name) { UInt16(nearest: $0) }
        case .u32: try memory.writeIntegers(values, name: name) { UInt32(nearest: $0) }
        case .u64: try memory.writeIntegers(values, name: name) { UInt64(nearest: $0) }
        }
    }

    /// Initialises `values` from the elements of this type at `memory`, rounded to the nearest `Float` where it cannot hold them.
    func convert(_ memory: UnsafeRawPointer, to values: UnsafeMutableBufferPointer<Float>) {
        switch self {
        case .f32: memory.read(values) { (element: Float) in element }
        case .f64: memory.read(values) { (element: Double) in Float(element) }
        case .f16: memory.read(values) { (element: Float16) in Float(element) }
        case .bf16: memory.read(values) { (element: UInt16) in BFloat16.value(element) }
        case .bool: memory.read(values) { (element: UInt8) in element == 0 ? 0 : 1 }
        case .i8: memory.read(values) { (element: Int8) in Float(element) }
        case .i16: memory.read(values) { (element: Int16) in Float(element) }
        case .i32: memory.read(values) { (element: Int32) in Float(element) }
        case .i64: memory.read(values) { (element: Int64) in Float(element) }
        case .u8: memory.read(values) { (element: UInt8) in Float(element) }
        case .u16: memory.read(values) { (element: UInt16) in Float(element) }
        case .u32: memory.read(values) { (element: UInt32) in Float(element) }
        case .u64: memory.read(values) { (element: UInt64) in Float(element) }
        }
    }
}

/// The upper half of an IEEE single.
enum BFloat16 {
    /// Rounded to the nearest, ties to even; NaN stays NaN.
    static func bits(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        guard !value.isNaN else { return UInt16(bits >> 16) | 0x40 }
        let (rounded, _) = bits.addingReportingOverflow(0x7FFF + (bits >> 16 & 1))
        return UInt16(rounded >> 16)
    }

    static func value(_ bits: UInt16) -> Float {
        Float(bitPattern: UInt32(bits) << 16)
    }
}

extension FixedWidthInteger {
    /// The integer nearest to `value` (halves away from zero), limited to the range of the type. `value` must not be NaN.
    init(nearest value: Float) {
        let rounded = value.rounded(.toNearestOrAwayFromZero)
        // As Float, the upper limits of wide types round up to a power of two that the type does not hold.
        if rounded >= Float(Self.max) {
            self = .max
        } else if rounded <= Float(Self.min) {
            self = .min
        } else {
            self = Self(rounded)
        }
    }
}

extension UnsafeMutableRawPointer {
    fileprivate func write<Element>(_ values: UnsafeBufferPointer<Float>, _ element: (Float) -> Element) {
        let elements = bindMemory(to: Element.self, capacity: values.count)
        for index in values.indices { elements[index] = element(values[index]) }
    }

    fileprivate func writeIntegers<Element>(_ values: UnsafeBufferPointer<Float>, name: String, _ element: (Float) -> Element) throws(EngineError) {
        guard !values.contains(where: \.isNaN) else {
            throw EngineError(.mismatch, "the input '\(name)' takes whole numbers and was given NaN (not a number)")
        }
        write(values, element)
    }
}

extension UnsafeRawPointer {
    fileprivate func read<Element>(_ values: UnsafeMutableBufferPointer<Float>, _ value: (Element) -> Float) {
        let elements = assumingMemoryBound(to: Element.self)
        for index in values.indices { values.initializeElement(at: index, to: value(elements[index])) }
    }
}
