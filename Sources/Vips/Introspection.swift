import CVips

/// An operation's description, with what is needed to call it.
struct OperationClass: Sendable {
    let description: OperationDescription
    /// What its complaints begin with: `extract_area` also of `crop`, which is one.
    let domain: String
    /// By canonical name.
    let properties: [String: Property]

    /// A parameter as GObject knows it.
    struct Property: Sendable {
        let parameter: OperationParameter
        /// The name that `g_object_set_property` takes.
        let name: String
        let type: GType
    }
}

/// Every operation of this libvips, found once by walking the types under `VipsOperation`.
enum OperationCatalogue {
    /// By nickname. Empty where libvips does not start, which the caller of an operation is told by ``VipsLibrary/start()``.
    static let classes: [String: OperationClass] = {
        guard (try? VipsLibrary.start()) != nil else { return [:] }
        var classes: [String: OperationClass] = [:]
        for type in concreteTypes(under: vips_operation_get_type()) {
            guard let found = introspect(type) else { continue }
            classes[found.description.nickname] = found
        }
        return classes
    }()

    static let descriptions: [OperationDescription] =
        classes.values.map(\.description).sorted { $0.nickname < $1.nickname }

    static let interpolators: [String] = {
        guard (try? VipsLibrary.start()) != nil else { return [] }
        return concreteTypes(under: vips_interpolate_get_type())
            .compactMap { vips_nickname_find($0).map { String(cString: $0) } }
            .sorted()
    }()

    static func concreteTypes(under base: GType) -> [GType] {
        var types: [GType] = []
        withUnsafeMutablePointer(to: &types) { types in
            _ = vips_type_map_all(base, { type, types in
                types!.assumingMemoryBound(to: [GType].self).pointee.append(type)
                return nil
            }, types)
        }
        return types.filter { g_type_test_flags($0, G_TYPE_FLAG_ABSTRACT.rawValue) == 0 }
    }

    /// `nil` for deprecated classes, those that have no name of their own, and those without any image.
    private static func introspect(_ type: GType) -> OperationClass? {
        // The reference is kept: libvips' types live as long as the process.
        guard let classPointer = g_type_class_ref(type) else { return nil }
        let objectClass = classPointer.assumingMemoryBound(to: VipsObjectClass.self)
        let flags = classPointer.assumingMemoryBound(to: VipsOperationClass.self).pointee.flags.rawValue
        guard
            flags & VIPS_OPERATION_DEPRECATED.rawValue == 0, objectClass.pointee.deprecated == 0,
            let nickname = objectClass.pointee.nickname, let name = name(of: type, nickname: nickname)
        else { return nil }

        let properties = self.properties(of: objectClass, operation: name)
        let hasImage = properties.contains { $0.parameter.kind == .image || $0.parameter.kind == .images }
        guard hasImage else { return nil }

        let sequential = VIPS_OPERATION_SEQUENTIAL.rawValue | VIPS_OPERATION_SEQUENTIAL_UNBUFFERED.rawValue
        return OperationClass(
            description: OperationDescription(
                nickname: name,
                summary: objectClass.pointee.description.map { String(cString: $0) } ?? "",
                isSequential: flags & sequential != 0,
                isUntrusted: flags & VIPS_OPERATION_UNTRUSTED.rawValue != 0,
                isNoCache: flags & VIPS_OPERATION_NOCACHE.rawValue != 0,
                parameters: properties.map(\.parameter)),
            domain: String(cString: nickname),
            properties: Dictionary(properties.map { ($0.parameter.name, $0) }, uniquingKeysWith: { first, _ in first }))
    }

    /// The nickname; where another class has that, the type's own name, if it is one that people write: `crop`, which is an `extract_area`.
    private static func name(of type: GType, nickname: UnsafePointer<CChar>) -> String? {
        [nickname, g_type_name(type)].compactMap { $0 }
            .first { vips_type_find("VipsOperation", $0) == type && $0.pointee != CChar(UInt8(ascii: "V")) }
            .map { String(cString: $0) }
    }

    private static func properties(
        of objectClass: UnsafeMutablePointer<VipsObjectClass>, operation: String
    ) -> [OperationClass.Property] {
        struct Found {
            var operation: String
            var properties: [OperationClass.Property] = []
        }
        var found = Found(operation: operation)
        withUnsafeMutablePointer(to: &found) { found in
            _ = vips_argument_class_map(objectClass, { _, spec, argument, found, _ in
                let found = found!.assumingMemoryBound(to: Found.self)
                let flags = argument!.pointee.flags.rawValue
                // Without CONSTRUCT it is a property of every object (nickname, description), not an argument.
                guard flags & VIPS_ARGUMENT_CONSTRUCT.rawValue != 0, let spec else { return nil }
                let name = String(cString: g_param_spec_get_name(spec))
                let parameter = OperationParameter(
                    name: OperationParameter.canonical(name),
                    doc: g_param_spec_get_blurb(spec).map { String(cString: $0) } ?? "",
                    // `xshrink` is declared required, and is the old name of `hshrink`: nobody has to give both.
                    isRequired: flags & VIPS_ARGUMENT_REQUIRED.rawValue != 0
                        && flags & VIPS_ARGUMENT_DEPRECATED.rawValue == 0,
                    isInput: flags & VIPS_ARGUMENT_INPUT.rawValue != 0,
                    isOutput: flags & VIPS_ARGUMENT_OUTPUT.rawValue != 0,
                    isModified: flags & VIPS_ARGUMENT_MODIFY.rawValue != 0,
                    isDeprecated: flags & VIPS_ARGUMENT_DEPRECATED.rawValue != 0,
                    kind: OperationCatalogue.kind(of: spec, operation: found.pointee.operation))
                found.pointee.properties.append(
                    OperationClass.Property(parameter: parameter, name: name, type: spec.pointee.value_type))
                return nil
            }, found, nil)
        }
        return found.properties
    }
}

// MARK: - GParamSpec

extension OperationCatalogue {
    private static func kind(of spec: UnsafeMutablePointer<GParamSpec>, operation: String) -> ParameterKind {
        let type = spec.pointee.value_type
        func read<Spec>(_: Spec.Type) -> Spec {
            UnsafeRawPointer(spec).assumingMemoryBound(to: Spec.self).pointee
        }
        switch g_type_fundamental(type) {
        case cvips_type_boolean():
            return .bool(default: read(GParamSpecBoolean.self).default_value != 0)
        case cvips_type_int():
            let spec = read(GParamSpecInt.self)
            return .int(min: Int(spec.minimum), max: Int(spec.maximum), default: Int(spec.default_value))
        case cvips_type_int64():
            let spec = read(GParamSpecInt64.self)
            return .int(min: Int(spec.minimum), max: Int(spec.maximum), default: Int(spec.default_value))
        case cvips_type_uint64():
            let spec = read(GParamSpecUInt64.self)
            return .int(
                min: Int(clamping: spec.minimum), max: Int(clamping: spec.maximum),
                default: Int(clamping: spec.default_value))
        case cvips_type_double():
            let spec = read(GParamSpecDouble.self)
            return .double(min: spec.minimum, max: spec.maximum, default: spec.default_value)
        case cvips_type_string():
            return .string(default: read(GParamSpecString.self).default_value.map { String(cString: $0) })
        case cvips_type_enum():
            let spec = read(GParamSpecEnum.self)
            return .enumeration(choices(ofEnum: type), default: nickname(of: spec.default_value, inEnum: type))
        case cvips_type_flags():
            let spec = read(GParamSpecFlags.self)
            let all = choices(ofFlags: type)
            let chosen = all.filter { choice in
                choice.value != 0 && Int(spec.default_value) & choice.value == choice.value
            }
            return .flags(all, default: chosen.map(\.nickname))
        default:
            break
        }
        switch type {
        case vips_image_get_type(): return .image
        case vips_array_image_get_type(): return .images
        case vips_array_double_get_type(): return .doubles
        case vips_array_int_get_type():
            // The one list of enumeration values in libvips is declared as plain integers.
            if operation == "composite", String(cString: g_param_spec_get_name(spec)) == "mode" {
                return .enumerations(choices(ofEnum: vips_blend_mode_get_type()))
            }
            return .ints
        case vips_interpolate_get_type(): return .interpolate
        case vips_blob_get_type(): return .blob
        case vips_source_get_type(): return .source
        case vips_target_get_type(): return .target
        default: return .other(g_type_name(type).map { String(cString: $0) } ?? "unknown")
        }
    }

    /// The values that one may choose: neither the end marker nor the "not set" and "error" values, which are negative.
    private static func choices(ofEnum type: GType) -> [EnumChoice] {
        guard let classPointer = g_type_class_ref(type) else { return [] }
        let enumClass = classPointer.assumingMemoryBound(to: GEnumClass.self).pointee
        return (0..<Int(enumClass.n_values)).compactMap { index in
            let value = enumClass.values[index]
            let name = String(cString: value.value_name)
            guard value.value >= 0, !name.hasSuffix("_LAST") else { return nil }
            return EnumChoice(nickname: String(cString: value.value_nick), value: Int(value.value))
        }
    }

    private static func choices(ofFlags type: GType) -> [EnumChoice] {
        guard let classPointer = g_type_class_ref(type) else { return [] }
        let flagsClass = classPointer.assumingMemoryBound(to: GFlagsClass.self).pointee
        return (0..<Int(flagsClass.n_values)).map { index in
            let value = flagsClass.values[index]
            return EnumChoice(nickname: String(cString: value.value_nick), value: Int(value.value))
        }
    }

    /// Also of values that ``choices(ofEnum:)`` leaves out.
    static func nickname(of value: Int32, inEnum type: GType) -> String {
        guard
            let classPointer = g_type_class_ref(type),
            let found = g_enum_get_value(classPointer.assumingMemoryBound(to: GEnumClass.self), value)
        else { return String(value) }
        return String(cString: found.pointee.value_nick)
    }
}

extension VipsLibrary {
    /// The nicknames of the interpolators, for parameters of the kind ``ParameterKind/interpolate``.
    public static var interpolators: [String] { OperationCatalogue.interpolators }
}
