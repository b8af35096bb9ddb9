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

    /// The nickname of the loader for a file whose whole content is at hand: of those formats that have a signature which no other loader looks behind.
    /// `nil` for all others, of which libvips has to see the file.
    ///
    /// PNG (3rd edition, 5.2), WebP (RIFF header of its container specification) and JPEG (SOI, ITU-T T.81, B.1.1.3): the tests of libvips' own loaders. A slide of OpenSlide's
    /// may begin as a JPEG, under another name.
    public static func loader(forContents bytes: [UInt8], of path: String) -> String? {
        if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return known("pngload") }
        if bytes.starts(with: "RIFF".utf8), bytes.dropFirst(8).starts(with: "WEBP".utf8) { return known("webpload") }
        if bytes.starts(with: [0xFF, 0xD8]), [".jpg", ".jpeg", ".jpe"].contains(where: path.lowercased().hasSuffix) { return known("jpegload") }
        return nil
    }

    /// The loader, where this libvips has it, for memory too.
    private static func known(_ loader: String) -> String? {
        Operation.describe(loader) != nil && Operation.describe(loader + "_source") != nil ? loader : nil
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
    ///   - contents: all bytes of the file, where ``loader(forContents:of:)`` has named the loader: then they are decoded, and the file is not looked at again.
    ///   - loader: what ``loader(forFile:)`` has said of the file; nil: ask it.
    ///   - options: of the loader, such as `n` or `fail_on`.
    /// - Throws: ``VipsError`` that names the file.
    public static func load(
        _ path: String, contents: [UInt8]? = nil, loader known: String? = nil, access: Access = .random, options: [String: Argument] = [:]
    ) throws(VipsError) -> Image {
        let loader = if let known { known } else { try knownLoader(forFile: path) }
        for reserved in ["filename", "source", "access"] where options[reserved] != nil {
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
            if let contents {
                arguments["source"] = .blob(contents)
                return try image(loader + "_source", arguments, as: loader)
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
    ///   - contents: all bytes of the file, as in ``load(_:contents:loader:access:options:)``.
    ///   - width: of the box that the result fits in.
    ///   - loader: what ``loader(forFile:)`` has said of the file; nil: ask it.
    ///   - options: of the operation `thumbnail`, such as `height`, `crop` or `size`.
    public static func thumbnail(
        _ path: String, contents: [UInt8]? = nil, width: Int, loader known: String? = nil, options: [String: Argument] = [:]
    ) throws(VipsError) -> Image {
        let loader = if let known { known } else { try knownLoader(forFile: path) }
        var arguments = options
        arguments["width"] = .int(width)
        do {
            // `thumbnail` itself would read options from the end of such a name.
            guard contents != nil || path.hasSuffix("]") else {
                arguments["filename"] = .string(path)
                return try Operation.image("thumbnail", arguments)
            }
            // The forms for bytes forget `fail_on` (libvips 8.14), and pass on what is in this.
            if case .string(let failOn)? = arguments.removeValue(forKey: "fail_on") { arguments["option_string"] = .string("[fail_on=\(failOn)]") }
            if let contents {
                arguments["source"] = .blob(contents)
                return try image("thumbnail_source", arguments, as: "thumbnail")
            }
            // ImageMagick's loader has no form for sources.
            if loader == "magickload" {
                arguments["buffer"] = .blob(try Image.contents(of: path))
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
    /// - Parameters:
    ///   - file: the file `path`, opened, where others must not write to it unseen: for savers that write to targets, too.
    ///   - keepsDamage: whether it is written though a decoder complained of the file that it comes from.
    public func save(_ path: String, in file: FileTarget? = nil, saver: String, options: [String: Argument] = [:], keepsDamage: Bool = false) throws(VipsError) {
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
        if let file { arguments["target"] = .target(file) } else { arguments["filename"] = .string(path) }
        do {
            _ = try Image.call(file == nil ? saver : saver + "_target", arguments, as: saver)
        } catch {
            throw error.about(file: path, "cannot write")
        }
        if !keepsDamage, let complaint = ErrorLedger.shared.decoderComplaint() { throw VipsError(message: complaint).about(file: path, "cannot write") }
    }

    /// Runs an operation that people know by another name.
    private static func image(_ nickname: String, _ arguments: [String: Argument], as name: String) throws(VipsError) -> Image {
        do {
            return try Operation.image(nickname, arguments)
        } catch {
            throw VipsError(operation: name, message: error.message)
        }
    }

    private static func call(_ nickname: String, _ arguments: [String: Argument], as name: String) throws(VipsError) -> [String: Argument] {
        do {
            return try Operation.call(nickname, arguments)
        } catch {
            throw nickname == name ? error : VipsError(operation: name, message: error.message)
        }
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
