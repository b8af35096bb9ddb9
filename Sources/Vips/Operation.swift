import CVips

/// libvips' operations, by name.
///
/// ```swift
/// let small = try Operation.call("resize", ["in": .image(photo), "scale": 0.5])["out"]
/// ```
public enum Operation {
    /// Every operation that takes or makes an image, load and save included, by nickname; deprecated ones left out.
    /// Found by introspection on first use. Empty where libvips does not start.
    public static var all: [OperationDescription] { OperationCatalogue.descriptions }

    /// The operation of that nickname.
    public static func describe(_ nickname: String) -> OperationDescription? {
        OperationCatalogue.classes[nickname]?.description
    }

    /// Runs an operation.
    ///
    /// All arguments are checked first, for name, type, range and choice: libvips itself quietly uses its default in place of
    /// a value out of range. An integer serves where a number is asked for, a single value where a list is. In names,
    /// `-` and `_` are the same.
    ///
    /// Most operations only add a step to a demand-driven image and return at once; what fails while pixels are computed is
    /// thrown by whoever asks for them (``Image/save(_:options:)``, ``Image/bytes()``).
    ///
    /// - Parameters:
    ///   - nickname: a name out of ``all``.
    ///   - arguments: by name. The images are kept alive by the result.
    ///   - outputs: optional outputs that are wanted besides the required ones.
    /// - Returns: the required outputs, those named in `outputs`, and the image that a `draw_` operation painted on (a copy of
    ///   the one given), by name with `_`.
    /// - Throws: ``VipsError`` for an unknown operation, an argument that does not fit, or what libvips says.
    public static func call(
        _ nickname: String, _ arguments: [String: Argument], outputs: Set<String> = []
    ) throws(VipsError) -> [String: Argument] {
        try VipsLibrary.start()
        guard let operation = OperationCatalogue.classes[nickname] else {
            let suggestion = Spelling.suggestion(for: nickname, in: OperationCatalogue.classes.keys)
            throw VipsError(message: "libvips \(VipsLibrary.versionText) has no operation '\(nickname)'\(suggestion)")
        }
        var (settings, results) = try operation.check(arguments, outputs: outputs)
        for index in settings.indices where settings[index].property.parameter.isModified {
            if case .image(let image) = settings[index].value {
                settings[index].value = .image(try image.privateCopy())
            }
        }
        let texts = settings.compactMap { if case .string(let text) = $0.value, text.utf8.count > 3 { text } else { nil } }
        return try callingVips(nickname, complainingAs: operation.domain, names: texts) {
            perform(nickname, settings, results)
        }
    }

    /// `nil` after a failure, whose text is in libvips' buffer. Leaves nothing behind on either way out.
    private static func perform(
        _ nickname: String, _ settings: [(property: OperationClass.Property, value: CheckedValue)],
        _ results: [OperationClass.Property]
    ) -> [String: Argument]? {
        guard let operation = vips_operation_new(nickname) else { return nil }
        let object = UnsafeMutableRawPointer(operation)
        let gobject = object.assumingMemoryBound(to: GObject.self)
        let vipsObject = object.assumingMemoryBound(to: VipsObject.self)
        defer { g_object_unref(object) }
        // An operation is built with one reference to each of its outputs that belongs to the caller. Without this an image
        // that nobody asked for keeps the operation, and through it the inputs, alive for ever.
        defer { vips_object_unref_outputs(vipsObject) }

        for (property, value) in settings {
            guard property.set(value, on: gobject) else { return nil }
        }
        // Not through vips_cache_operation_build: hashing every argument for a cache that is off would be for nothing.
        guard vips_object_build(vipsObject) == 0 else { return nil }

        var outputs: [String: Argument] = [:]
        for property in results {
            guard let value = property.get(from: gobject) else {
                cvips_error(nickname, "it gave no '\(property.parameter.name)'")
                return nil
            }
            outputs[property.parameter.name] = value
        }
        return outputs
    }

    /// Runs an operation whose result is the image `out`.
    public static func image(_ nickname: String, _ arguments: [String: Argument]) throws(VipsError) -> Image {
        guard case .image(let image)? = try call(nickname, arguments)["out"] else {
            throw VipsError(operation: nickname, message: "it makes no image")
        }
        return image
    }
}

extension VipsLibrary {
    static var versionText: String {
        let (major, minor, micro) = version
        return "\(major).\(minor).\(micro)"
    }
}
