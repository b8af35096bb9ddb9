internal import CAquatintPlugin

/// The values of a create() call in their C form. Valid as long as this object is.
final class CValues {
    private var texts: [UnsafeMutablePointer<CChar>] = []
    private var integers: [UnsafeMutableBufferPointer<Int64>] = []
    private var numbers: [UnsafeMutableBufferPointer<Double>] = []
    private let values: UnsafeMutableBufferPointer<aqt_value>
    /// One per parameter.
    private(set) var pointers: [UnsafePointer<aqt_value>?] = []

    init(_ given: [StageValue?], of parameters: [DeclaredParameter]) {
        values = .allocate(capacity: given.count)
        for (index, (value, parameter)) in zip(given, parameters).enumerated() {
            var c = emptyStruct(aqt_value.self)
            c.type = parameter.kind.cType
            if let value { set(value, in: &c, parameter) }
            values.initializeElement(at: index, to: c)
        }
        pointers = values.indices.map { index in values.baseAddress.map { UnsafePointer($0 + index) } }
    }

    deinit {
        texts.forEach { $0.deallocate() }
        integers.forEach { $0.deallocate() }
        numbers.forEach { $0.deallocate() }
        values.deallocate()
    }

    private func set(_ value: StageValue, in c: inout aqt_value, _ parameter: DeclaredParameter) {
        switch value {
        case .bool(let value): c.i = value ? 1 : 0
        case .int(let value): c.i = Int64(value)
        case .double(let value): c.f = value
        case .choice(let name): c.i = Int64(parameter.choices.firstIndex(of: name) ?? -1)
        case .string(let text), .file(let text), .json(let text): c.s = copy(text)
        case .ints(let list):
            let copy = UnsafeMutableBufferPointer<Int64>.allocate(capacity: list.count)
            _ = copy.initialize(from: list.map { Int64($0) })
            integers.append(copy)
            c.int_items = UnsafePointer(copy.baseAddress)
            c.count = UInt64(list.count)
        case .doubles(let list), .colour(let list):
            let copy = UnsafeMutableBufferPointer<Double>.allocate(capacity: list.count)
            _ = copy.initialize(from: list)
            numbers.append(copy)
            c.float_items = UnsafePointer(copy.baseAddress)
            c.count = UInt64(list.count)
        }
    }

    private func copy(_ text: String) -> UnsafePointer<CChar> {
        let bytes = text.utf8.map { CChar(bitPattern: $0) } + [0]
        let pointer = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
        pointer.initialize(from: bytes, count: bytes.count)
        texts.append(pointer)
        return UnsafePointer(pointer)
    }
}

/// Images in their C form. Immutable, and valid as long as this object is.
final class CImages: @unchecked Sendable {
    private let images: UnsafeMutableBufferPointer<aqt_image>
    /// One per image; NULL for an absent one.
    let pointers: [UnsafePointer<aqt_image>?]

    init(_ list: [PluginImage?]) {
        let images = UnsafeMutableBufferPointer<aqt_image>.allocate(capacity: list.count)
        for (index, image) in list.enumerated() {
            var c = emptyStruct(aqt_image.self)
            if let image {
                c.format = image.format.rawValue
                c.space = image.space.rawValue
                c.bands = Int32(clamping: image.bands)
                c.has_alpha = image.hasAlpha ? 1 : 0
                c.width = Int64(image.width)
                c.height = Int64(image.height)
            }
            images.initializeElement(at: index, to: c)
        }
        self.images = images
        pointers = list.indices.map { index in list[index] == nil ? nil : images.baseAddress.map { UnsafePointer($0 + index) } }
    }

    /// The images as they lie in memory.
    var bytes: [UInt8] { Array(UnsafeRawBufferPointer(images)) }

    deinit { images.deallocate() }
}
