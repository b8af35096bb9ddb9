import CVips

extension OperationClass.Property {
    /// Sets the property. `false` after a failure, whose text is in libvips' buffer.
    func set(_ value: CheckedValue, on object: UnsafeMutablePointer<GObject>) -> Bool {
        var box = GValue()
        g_value_init(&box, type)
        defer { g_value_unset(&box) }
        guard fill(&box, with: value) else { return false }
        g_object_set_property(object, name, &box)
        return true
    }

    private func fill(_ box: inout GValue, with value: CheckedValue) -> Bool {
        switch value {
        case .bool(let value):
            g_value_set_boolean(&box, value ? 1 : 0)
        case .int(let value):
            // The range check has made sure that the value fits the type that the range was declared in.
            switch g_type_fundamental(type) {
            case cvips_type_uint64(): g_value_set_uint64(&box, guint64(clamping: value))
            case cvips_type_int64(): g_value_set_int64(&box, gint64(value))
            default: g_value_set_int(&box, Int32(clamping: value))
            }
        case .double(let value):
            g_value_set_double(&box, value)
        case .string(let text):
            g_value_set_string(&box, text)
        case .enumeration(let value):
            g_value_set_enum(&box, Int32(clamping: value))
        case .flags(let bits):
            g_value_set_flags(&box, UInt32(clamping: bits))
        case .image(let image):
            g_value_set_object(&box, image.pointer)
        case .images(let images):
            vips_value_set_array_image(&box, Int32(clamping: images.count))
            guard let slots = vips_value_get_array_image(&box, nil) else { return false }
            for (index, image) in images.enumerated() {
                g_object_ref(image.pointer)
                slots[index] = image.pointer
            }
        case .doubles(let values):
            vips_value_set_array_double(&box, values, Int32(clamping: values.count))
        case .ints(let values):
            vips_value_set_array_int(&box, values, Int32(clamping: values.count))
        case .interpolate(let nickname):
            return take(vips_interpolate_new(nickname), into: &box)
        case .blob(let bytes):
            guard let blob = vips_blob_copy(bytes, bytes.count) else { return false }
            g_value_take_boxed(&box, blob)
        case .sourceFile(let path):
            return take(vips_source_new_from_file(path), into: &box)
        case .sourceBytes(let bytes):
            guard let blob = vips_blob_copy(bytes, bytes.count) else { return false }
            defer { vips_area_unref(UnsafeMutableRawPointer(blob).assumingMemoryBound(to: VipsArea.self)) }
            return take(vips_source_new_from_blob(blob), into: &box)
        case .targetFile(let path):
            return take(vips_target_new_to_file(path), into: &box)
        case .target(let file):
            g_value_set_object(&box, file.pointer)
        }
        return true
    }

    /// Hands the caller's reference over to the value.
    private func take<Object>(_ object: UnsafeMutablePointer<Object>?, into box: inout GValue) -> Bool {
        guard let object else { return false }
        g_value_take_object(&box, object)
        return true
    }

    /// Reads the property; `nil` where the operation has not set it, or it has a type that no ``Argument`` holds.
    func get(from object: UnsafeMutablePointer<GObject>) -> Argument? {
        var box = GValue()
        g_value_init(&box, type)
        defer { g_value_unset(&box) }
        g_object_get_property(object, name, &box)

        switch parameter.kind {
        case .bool:
            return .bool(g_value_get_boolean(&box) != 0)
        case .int:
            switch g_type_fundamental(type) {
            case cvips_type_uint64(): return .int(Int(clamping: g_value_get_uint64(&box)))
            case cvips_type_int64(): return .int(Int(g_value_get_int64(&box)))
            default: return .int(Int(g_value_get_int(&box)))
            }
        case .double:
            return .double(g_value_get_double(&box))
        case .string:
            return g_value_get_string(&box).map { .string(String(cString: $0)) }
        case .enumeration:
            return .string(OperationCatalogue.nickname(of: g_value_get_enum(&box), inEnum: type))
        case .flags(let choices, _):
            let bits = Int(g_value_get_flags(&box))
            return .strings(choices.filter { $0.value != 0 && bits & $0.value == $0.value }.map(\.nickname))
        case .image:
            return g_value_get_object(&box).map {
                .image(Image(retaining: $0.assumingMemoryBound(to: VipsImage.self)))
            }
        case .images:
            var count: Int32 = 0
            guard let slots = vips_value_get_array_image(&box, &count) else { return nil }
            return .images((0..<Int(count)).compactMap { slots[$0].map(Image.init(retaining:)) })
        case .doubles:
            var count: Int32 = 0
            guard let values = vips_value_get_array_double(&box, &count) else { return nil }
            return .doubles((0..<Int(count)).map { values[$0] })
        case .ints, .enumerations:
            var count: Int32 = 0
            guard let values = vips_value_get_array_int(&box, &count) else { return nil }
            return .ints((0..<Int(count)).map { Int(values[$0]) })
        case .blob:
            guard let boxed = g_value_get_boxed(&box) else { return nil }
            var count = 0
            guard let bytes = vips_blob_get(boxed.assumingMemoryBound(to: VipsBlob.self), &count) else { return nil }
            return .blob(Array(UnsafeRawBufferPointer(start: bytes, count: count)))
        case .interpolate, .source, .target, .other:
            return nil
        }
    }
}
