import CVips

/// A metadata value to set.
public enum FieldValue: Sendable, Hashable {
    case int(Int)
    case double(Double)
    case string(String)
    case blob([UInt8])
    case intArray([Int])
}

extension Image {
    /// The names of all header fields and metadata: `"width"`, `"exif-data"`, `"icc-profile-data"`...
    public var fields: [String] {
        guard let names = vips_image_get_fields(pointer) else { return [] }
        defer { g_strfreev(names) }
        var result: [String] = []
        var next = names
        while let name = next.pointee {
            result.append(String(cString: name))
            next += 1
        }
        return result
    }

    /// Whether the pixels come from a file that is being decoded, and can be read only once and from top to bottom.
    public var isStreamed: Bool { vips_image_is_sequential(pointer) != 0 }

    /// The text of a field; `nil` if it is absent or no text.
    public func string(_ field: String) -> String? {
        let type = vips_image_get_typeof(pointer, field)
        guard type == cvips_type_string() || type == vips_ref_string_get_type() else { return nil }
        return read { out in
            var text: UnsafePointer<CChar>?
            guard vips_image_get_string(pointer, field, &text) == 0, let text else { return }
            out = String(cString: text)
        }
    }

    /// The integer of a field; `nil` if it is absent or none. Enumerations of the header (`"format"`) count as integers.
    public func int(_ field: String) -> Int? {
        let type = vips_image_get_typeof(pointer, field)
        guard type == cvips_type_int() || (type != 0 && g_type_fundamental(type) == cvips_type_enum()) else { return nil }
        return read { out in
            var value: Int32 = 0
            if vips_image_get_int(pointer, field, &value) == 0 { out = Int(value) }
        }
    }

    /// The number of a field; `nil` if it is absent or none.
    public func double(_ field: String) -> Double? {
        guard vips_image_get_typeof(pointer, field) == cvips_type_double() else { return nil }
        return read { out in
            var value = 0.0
            if vips_image_get_double(pointer, field, &value) == 0 { out = value }
        }
    }

    /// The bytes of a field (EXIF, XMP, an ICC profile); `nil` if it is absent or holds none.
    public func blob(_ field: String) -> [UInt8]? {
        guard vips_image_get_typeof(pointer, field) == vips_blob_get_type() else { return nil }
        return read { out in
            var bytes: UnsafeRawPointer?
            var count = 0
            guard vips_image_get_blob(pointer, field, &bytes, &count) == 0 else { return }
            out = Array(UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : count))
        }
    }

    /// The integers of a field (`"delay"` of an animation); `nil` if it is absent or holds none.
    public func intArray(_ field: String) -> [Int]? {
        guard vips_image_get_typeof(pointer, field) == vips_array_int_get_type() else { return nil }
        return read { out in
            var values: UnsafeMutablePointer<Int32>?
            var count: Int32 = 0
            guard vips_image_get_array_int(pointer, field, &values, &count) == 0, let values else { return }
            out = (0..<Int(count)).map { Int(values[$0]) }
        }
    }

    /// A copy with some metadata changed; `nil` removes a field. The pixels are shared.
    ///
    /// - Throws: for a field of the header proper, such as `width` or `xres`: the operation `copy` changes those.
    public func settingFields(_ changes: [(name: String, value: FieldValue?)]) throws(VipsError) -> Image {
        for (name, value) in changes {
            guard !name.isEmpty, !name.utf8.contains(0) else { throw VipsError(message: "'\(name)' is no name of a field") }
            guard !Image.headerFields.contains(name) else {
                throw VipsError(message: "'\(name)' is part of the image header, not metadata; the operation 'copy' can change it")
            }
            let integers: [Int] = switch value {
            case .int(let value): [value]
            case .intArray(let values): values
            default: []
            }
            if let wide = integers.first(where: { Int32(exactly: $0) == nil }) {
                throw VipsError(message: "field '\(name)' cannot hold \(wide): it takes 32 bits")
            }
            if case .string(let text) = value, text.utf8.contains(0) {
                throw VipsError(message: "field '\(name)' cannot hold a text with a NUL character in it")
            }
        }
        let copy = try Operation.image("copy", ["in": .image(self)])
        // Nobody else has the copy yet, so it may still be written to.
        for (name, value) in changes {
            switch value {
            case nil: _ = vips_image_remove(copy.pointer, name)
            case .int(let value): vips_image_set_int(copy.pointer, name, Int32(clamping: value))
            case .double(let value): vips_image_set_double(copy.pointer, name, value)
            case .string(let text): vips_image_set_string(copy.pointer, name, text)
            case .blob(let bytes): vips_image_set_blob_copy(copy.pointer, name, bytes, bytes.count)
            case .intArray(let values):
                vips_image_set_array_int(copy.pointer, name, values.map { Int32(clamping: $0) }, Int32(clamping: values.count))
            }
        }
        return copy
    }

    /// Adds a number to the metadata of an image that nobody else has yet: one that was just opened or made. A copy, which would share the pixels all the same, copies
    /// every other field.
    public func setOwnField(_ name: String, _ value: Double) { vips_image_set_double(pointer, name, value) }

    /// Members of the C struct; `vips_image_set` would add a metadata item of the same name beside them.
    private static let headerFields: Set<String> = [
        "width", "height", "bands", "format", "coding", "interpretation", "xoffset", "yoffset", "xres", "yres", "filename",
    ]

    /// Runs a getter, whose failure ("field not found") is an answer and no error.
    private func read<Value>(_ body: (inout Value?) -> Void) -> Value? {
        var value: Value?
        body(&value)
        return value
    }
}
