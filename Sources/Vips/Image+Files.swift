import CVips

// Paths are literal everywhere here. libvips' own vips_image_new_from_file() and _write_to_file() read options out of a
// name ("photo[Q=90].jpg" is a file that exists); the loaders and savers themselves do not, so they are called by nickname.

extension Image {
    /// The nickname of the loader for a file, found by its content; `nil` where no loader knows it, or it cannot be read.
    public static func loader(forFile path: String) -> String? {
        guard case .regular = FileKind(path), (try? VipsLibrary.start()) != nil else { return nil }
        // The scope takes away what rejecting loaders leave in the error text.
        let found: String?? = try? callingVips(nil, names: [path]) { .some(VipsLibrary.loader(forFile: path)?.nickname) }
        return found ?? nil
    }

    /// The nickname of the saver for a file, found by its suffix in any case of letters; `nil` where no saver has it.
    public static func saver(forFile path: String) -> String? {
        VipsLibrary.savers.first { $0.hasSuffix(of: path) }?.nickname
    }

    /// Opens an image file. Only the header is read now; the pixels are decoded as they are asked for.
    ///
    /// - Parameters:
    ///   - path: taken literally, whatever brackets or percent signs are in it.
    ///   - access: ``Access/sequential`` only where the pixels will be consumed once, from top to bottom.
    ///   - loader: what ``loader(forFile:)`` has said of the file; nil: ask it.
    ///   - options: of the loader, such as `n` or `fail_on`.
    /// - Throws: ``VipsError`` that names the file.
    public static func load(
        _ path: String, loader known: String? = nil, access: Access = .random, options: [String: Argument] = [:]
    ) throws(VipsError) -> Image {
        let loader = if let known { known } else { try knownLoader(forFile: path) }
        for reserved in ["filename", "access"] where options[reserved] != nil {
            throw VipsError(operation: loader, message: "'\(reserved)' cannot be given as a loader option")
        }
        var arguments = options
        arguments["access"] = .string(access.rawValue)
        do {
            if loader == "magickload", path.readsAsMagickSyntax {
                // ImageMagick reads frame numbers, formats and globs out of names; bytes have no name.
                arguments["buffer"] = .blob(try Image.contents(of: path))
                return try Operation.image("magickload_buffer", arguments)
            }
            arguments["filename"] = .string(path)
            return try Operation.image(loader, arguments)
        } catch {
            throw error.about(file: path, "cannot read")
        }
    }

    /// Opens an image file and shrinks it while decoding, which is much faster than decoding it whole: libvips' `thumbnail`.
    ///
    /// - Parameters:
    ///   - path: taken literally.
    ///   - width: of the box that the result fits in.
    ///   - loader: what ``loader(forFile:)`` has said of the file; nil: ask it.
    ///   - options: of the operation `thumbnail`, such as `height`, `crop` or `size`.
    public static func thumbnail(
        _ path: String, width: Int, loader known: String? = nil, options: [String: Argument] = [:]
    ) throws(VipsError) -> Image {
        let loader = if let known { known } else { try knownLoader(forFile: path) }
        var arguments = options
        arguments["width"] = .int(width)
        do {
            guard path.hasSuffix("]") else {
                arguments["filename"] = .string(path)
                return try Operation.image("thumbnail", arguments)
            }
            // `thumbnail` itself would read options from the end of such a name. ImageMagick's loader has no form for sources.
            if loader == "magickload" {
                arguments["buffer"] = .blob(try contents(of: path))
                return try Operation.image("thumbnail_buffer", arguments)
            }
            arguments["source"] = .string(path)
            return try Operation.image("thumbnail_source", arguments)
        } catch {
            throw error.about(file: path, "cannot read")
        }
    }

    /// The loader for a file, or why there is none.
    private static func knownLoader(forFile path: String) throws(VipsError) -> String {
        switch FileKind(path) {
        case .unreadable(let reason): throw VipsError(message: "cannot read '\(path)': \(reason)")
        case .directory: throw VipsError(message: "cannot read '\(path)': it is a directory")
        case .special: throw VipsError(message: "cannot read '\(path)': it is not a regular file")
        case .regular(size: 0): throw VipsError(message: "cannot read '\(path)': the file is empty")
        case .regular: break
        }
        try VipsLibrary.start()
        guard let loader = loader(forFile: path) else {
            throw VipsError(message: "cannot read '\(path)': its content is in no image format that this libvips knows")
        }
        return loader
    }

    /// Computes the image and writes it, in the format that the suffix of `path` selects.
    ///
    /// The file is written in place; a caller that wants no partial file under the final name writes to a
    /// temporary one with the same suffix, and renames.
    ///
    /// - Parameter options: of the saver (``saver(forFile:)``), such as `Q` or `compression`.
    public func save(_ path: String, options: [String: Argument] = [:]) throws(VipsError) {
        try VipsLibrary.start()
        guard let saver = Image.saver(forFile: path) else {
            let suffixes = Set(VipsLibrary.savers.flatMap(\.suffixes)).sorted().joined(separator: " ")
            throw VipsError(message: "cannot write '\(path)': no saver for this suffix; there are savers for \(suffixes)")
        }
        try save(path, saver: saver, options: options)
    }

    /// Computes the image and writes it with the given saver (`"jpegsave"`), whatever the suffix.
    ///
    /// - Parameter keepsDamage: whether it is written though a decoder complained of the file that it comes from.
    public func save(_ path: String, saver: String, options: [String: Argument] = [:], keepsDamage: Bool = false) throws(VipsError) {
        for reserved in ["filename", "in"] where options[reserved] != nil {
            throw VipsError(operation: saver, message: "'\(reserved)' cannot be given as a saver option")
        }
        // CFITSIO minds an @ only within brackets.
        if saver == "magicksave" && path.readsAsMagickSyntax || saver == "fitssave" && path.replacing("@", with: "").readsAsMagickSyntax {
            throw VipsError(
                operation: saver,
                message: """
                    cannot write '\(path)': the library behind this saver reads [ ] ( ) % : ! * ? @ + in a path as commands; \
                    choose another name, directory or format
                    """)
        }
        var arguments = options
        arguments["in"] = .image(self)
        arguments["filename"] = .string(path)
        do {
            _ = try Operation.call(saver, arguments)
        } catch {
            throw error.about(file: path, "cannot write")
        }
        if !keepsDamage, let complaint = ErrorLedger.shared.decoderComplaint() { throw VipsError(message: complaint).about(file: path, "cannot write") }
    }

    private static func contents(of path: String) throws(VipsError) -> [UInt8] {
        var bytes: UnsafeMutablePointer<gchar>?
        var count: gsize = 0
        var failure: UnsafeMutablePointer<GError>?
        guard g_file_get_contents(path, &bytes, &count, &failure) != 0, let bytes else {
            defer { g_clear_error(&failure) }
            throw VipsError(message: failure.map { String(cString: $0.pointee.message) } ?? "it cannot be read")
        }
        defer { g_free(bytes) }
        return Array(UnsafeRawBufferPointer(start: bytes, count: Int(clamping: count)))
    }
}

extension VipsError {
    /// The same error with the file in front, unless the text names it already.
    fileprivate func about(file path: String, _ verb: String) -> VipsError {
        guard !message.contains("'\(path)'") else { return self }
        return VipsError(operation: operation, message: "\(verb) '\(path)': \(message)")
    }
}

extension String {
    /// Whether ImageMagick or CFITSIO would take part of this path for a command.
    fileprivate var readsAsMagickSyntax: Bool {
        contains { "[]()%:!*?@+{}".contains($0) } || hasPrefix("-")
    }
}
