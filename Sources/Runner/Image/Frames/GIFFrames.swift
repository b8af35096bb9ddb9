/// How much of a GIF is there: libvips shows what it has of a file that ends early, and says nothing of it where the file has several pictures.
///
/// Only the lengths of blocks are gone through (GIF89a, appendix B). They come from a file from anywhere: each is checked, and every step goes forward.
struct GIFFrames {
    /// Pictures whose data ends as it should.
    private(set) var complete = 0
    /// Whether nothing is cut off: the file goes on to its trailer, or ends where a picture does, as those of some programs that write none.
    private(set) var isWhole = false

    /// nil where the file is no GIF.
    init?(_ file: OpenedFile) {
        var bytes = Bytes(file)
        guard let head = file.read(0, 13), head.text(0, 3) == "GIF" else { return nil }
        bytes.place = 13 + Self.tableBytes(head[10])
        // A graphic control extension belongs to the picture that follows.
        var isAnnounced = false
        while let kind = bytes.next() {
            switch kind {
            case 0x3B:
                isWhole = true
                return
            case 0x2C:
                // Left, top, width and height stand before the flags, and the size of codes before the data.
                bytes.place += 8
                guard let flags = bytes.next() else { return }
                bytes.place += Self.tableBytes(flags) + 1
                guard bytes.skipBlocks() else { return }
                complete += 1
                isAnnounced = false
            case 0x21:
                guard let label = bytes.next(), bytes.skipBlocks() else { return }
                isAnnounced = isAnnounced || label == 0xF9
            // Padding, which some programs write.
            case 0: break
            default: return
            }
        }
        isWhole = complete > 0 && !isAnnounced
    }

    /// Of a table of colours, as its flags say.
    private static func tableBytes(_ flags: UInt8) -> Int { flags & 0x80 == 0 ? 0 : 3 << (Int(flags & 7) + 1) }

    /// The file from the place where it is read, a window at a time.
    private struct Bytes {
        let file: OpenedFile
        var place = 0
        private var window: [UInt8] = []
        private var start = 0

        init(_ file: OpenedFile) { self.file = file }

        mutating func next() -> UInt8? {
            if place < start || place >= start + window.count {
                guard let more = file.read(place, 1 << 18, orLess: true), !more.isEmpty else { return nil }
                (window, start) = (more, place)
            }
            place += 1
            return window[place - 1 - start]
        }

        /// Goes behind a chain of blocks, which one of no bytes ends.
        mutating func skipBlocks() -> Bool {
            while let length = next() {
                if length == 0 { return true }
                place += Int(length)
            }
            return false
        }
    }
}
