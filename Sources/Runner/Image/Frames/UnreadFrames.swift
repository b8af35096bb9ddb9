internal import Foundation
internal import PipelineLanguage
internal import StageHost

/// Files of several pictures of which libvips sees the first only, or none, and says nothing.
enum UnreadFrames {
    /// Notes that such a file is taken for its first picture.
    ///
    /// - Throws: `ImageFailure` where the others are asked for, or not even the first can be had.
    static func check(_ path: String, _ loader: String, _ pages: PageSelection, _ context: ImageContext) throws(ImageFailure) {
        guard loader == "pngload", isAnimatedPNG(path) else { return }
        guard pages == .first else {
            throw ImageFailure("load", "is an animated PNG, of which libvips reads the first picture only: convert it to WebP or GIF with another program, or take that one with input: {pages: first}")
        }
        context.note("is an animated PNG, of which libvips reads the first picture only")
    }

    /// Why a file that no loader knows is none, where that can be told.
    static func reason(_ path: String) -> String? {
        let start = FileHead.bytes(of: path, 64)
        guard start.count >= 12, start[4..<8].spells("ftyp"), let brand = String(bytes: start[8..<12], encoding: .ascii) else { return nil }
        let sequences = ["avis": "AVIF", "hevc": "HEIC", "hevx": "HEIC", "msf1": "HEIF"]
        return sequences[brand].map { "is an animated \($0) (an image sequence), which libheif does not read here: convert it to WebP or GIF with another program" }
    }

    /// Whether a chunk `acTL` stands before the pixels.
    private static func isAnimatedPNG(_ path: String) -> Bool {
        guard let file = FileHandle(forReadingAtPath: path) else { return false }
        defer { try? file.close() }
        var place: UInt64 = 8
        // More chunks than this stand before the pixels of no honest file.
        for _ in 0..<256 {
            guard (try? file.seek(toOffset: place)) != nil, let bytes = try? file.read(upToCount: 8), bytes.count == 8 else { return false }
            let header = Array(bytes), name = header[4...]
            if name.spells("acTL") { return true }
            if name.spells("IDAT") { return false }
            place += 12 + header[..<4].reduce(0) { $0 << 8 | UInt64($1) }
        }
        return false
    }
}

extension ArraySlice<UInt8> {
    fileprivate func spells(_ text: String) -> Bool { elementsEqual(text.utf8) }
}
