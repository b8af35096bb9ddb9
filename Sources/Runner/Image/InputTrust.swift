internal import PipelineLanguage
internal import Vips

/// Which loaders are let at inputs, which may come from anywhere.
///
/// libvips marks the loaders that nobody has hardened against hostile files. Those of ordinary pictures are taken all the same: their decoders are small, or are
/// fuzzed by their own projects, and they run in a worker process. The others read other files, run other programs or stand on libraries
/// that were never meant for strangers' files; they want `input: {untrusted: true}`. Second inputs (`images`) are the pipeline author's own and always read.
public enum InputTrust {
    /// Marked by libvips 8.14 (some of them no more by later ones), and taken.
    static let ordinary: Set<String> = ["ppmload", "radload", "openexrload", "jp2kload", "jxlload"]

    /// Tables of numbers that libvips can take for pictures: what lies in a folder under such a name is no picture, unless such loaders are asked for.
    static let tables: Set<String> = ["csvload", "matrixload", "matload", "analyzeload"]

    static func isTrusted(_ loader: String) -> Bool {
        !untrusted.contains(loader) || ordinary.contains(loader)
    }

    private static let untrusted = Set(VipsLibrary.loaderNames { $0.isUntrusted })

    /// Extensions of pictures, without the dot and in lower case.
    public static func pictureExtensions(includingTables: Bool) -> Set<String> {
        Set(VipsLibrary.formats.filter { $0.direction == .load && (includingTables || !tables.contains($0.nickname)) }
            .flatMap(\.suffixes).map { String($0.drop { $0 == "." }).lowercased() })
    }

    /// Whether the content of a file is that of a picture.
    public static func isPicture(_ path: String, includingTables: Bool) -> Bool {
        Image.loader(forFile: path).map { includingTables || !tables.contains($0) } ?? false
    }

    /// - Throws: `ImageFailure` where the pipeline does not let this loader at its inputs.
    static func check(_ loader: String, _ settings: InputSettings) throws(ImageFailure) {
        guard !settings.allowsUntrusted, !isTrusted(loader) else { return }
        throw ImageFailure("untrusted", """
            libvips' \(loader), which would read it, is not hardened against hostile files; if you trust your inputs, write input: {untrusted: true} \
            in the pipeline, or leave such files out with --exclude
            """)
    }
}

extension VipsLibrary {
    static func loaderNames(where isWanted: (Format) -> Bool) -> [String] {
        formats.filter { $0.direction == .load && isWanted($0) }.map(\.nickname)
    }
}
