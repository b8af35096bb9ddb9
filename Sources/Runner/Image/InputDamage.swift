internal import PipelineLanguage
internal import StageHost
internal import Vips

/// What is wrong with a file of which a part can be read.
enum InputDamage {
    /// What its loader complains of where it is to complain of everything; nil of a file that is whole.
    ///
    /// The file is decoded for that, and thrown away: a loader that goes on past damage says nothing, and one that stops gives no pixels.
    ///
    /// - Parameter options: of the loader, as the image will be opened with.
    static func find(_ path: String, _ loader: String, _ options: [String: Argument]) -> String? {
        guard case .string("none")? = options["fail_on"] else { return nil }
        var strict = options
        strict["fail_on"] = "error"
        do throws(VipsError) {
            let image = try Image.load(path, loader: loader, access: .sequential, options: strict)
            try image.decodeAndDrop()
            return nil
        } catch {
            let start = "cannot read '\(path)': "
            return error.message.hasPrefix(start) ? String(error.message.dropFirst(start.count)) : error.message
        }
    }

    /// Why a file that no loader of pictures takes is none, where it begins as one.
    static func ofStart(_ path: String) -> String? {
        let start = FileHead.bytes(of: path, 4)
        guard [[0x49, 0x49, 42, 0], [0x49, 0x49, 43, 0], [0x4D, 0x4D, 0, 42], [0x4D, 0x4D, 0, 43]].contains(start) else { return nil }
        return "is a damaged TIFF: its list of pages is cut off or broken, and nothing can be read without it"
    }
}
