/// What the directories of a TIFF say of its pages, of which libvips passes on little.
///
/// Places and lengths come from a file from anywhere: each is checked, and a chain that runs in circles ends.
struct TIFFPages {
    private struct Page {
        /// EXIF's numbers, 1...8; 1 is upright.
        var orientation = 1
        /// Whether it is another page at a smaller size (bit 0 of NewSubfileType: TIFF 6.0, section 8).
        var isReduced = false
    }

    private var pages: [Page] = []
    /// Whether the chain of pages goes on to a place that the file does not have.
    private(set) var isCutOff = false
    /// The tags of the first page.
    private(set) var tags: Set<Int> = []

    /// nil where the file is no TIFF that can be read.
    ///
    /// - Parameter most: pages that are looked at.
    init?(_ file: OpenedFile, most: Int = mostPages) {
        guard let head = file.read(0, 16, orLess: true), head.count >= 8 else { return nil }
        let isLittle = head[0] == 0x49
        func number(_ bytes: [UInt8], _ place: Int, _ count: Int) -> Int? { bytes.number(place, count, isLittle: isLittle) }
        // BigTIFF has the version 43, and offsets of 8 bytes.
        guard let version = number(head, 2, 2), version == 42 || version == 43 else { return nil }
        let isBig = version == 43, offsetBytes = isBig ? 8 : 4, countBytes = isBig ? 8 : 2, entryBytes = isBig ? 20 : 12
        guard var place = number(head, isBig ? 8 : 4, offsetBytes) else { return nil }
        var seen = 0
        while place > 0, pages.count < most {
            guard let start = file.read(place, countBytes), let count = number(start, 0, countBytes), count <= Self.mostTags - seen,
                  let entries = file.read(place + countBytes, count * entryBytes + offsetBytes) else {
                isCutOff = true
                break
            }
            seen += count
            var page = Page()
            for entry in stride(from: 0, to: count * entryBytes, by: entryBytes) {
                // The value stands behind tag, type and count, in as many bytes as its type has: 3 is SHORT, 4 LONG.
                let bytes = number(entries, entry + 2, 2) == 3 ? 2 : 4
                guard let tag = number(entries, entry, 2) else { continue }
                if pages.isEmpty { tags.insert(tag) }
                guard tag == 254 || tag == 274, let value = number(entries, entry + 4 + offsetBytes, bytes) else { continue }
                if tag == 254 { page.isReduced = value & 1 == 1 } else { page.orientation = value }
            }
            pages.append(page)
            place = number(entries, count * entryBytes, offsetBytes) ?? 0
        }
        if pages.isEmpty { return nil }
    }

    var count: Int { pages.count }

    /// More pages than libvips takes, and tags that all of them together have.
    private static let mostPages = 100_000, mostTags = 2_000_000

    /// Whether all pages behind the first are that at smaller sizes: a pyramid.
    ///
    /// - Parameter count: pages that libvips sees.
    func areSizesOfTheFirst(_ count: Int) -> Bool { count > 1 && pages.count >= count && pages[1..<count].allSatisfy(\.isReduced) }

    /// Whether the pages of these numbers, from 1, have one orientation.
    func areTurnedAlike(_ numbers: ClosedRange<Int>) -> Bool {
        let orientations = numbers.map { pages.indices.contains($0 - 1) ? pages[$0 - 1].orientation : 1 }
        return orientations.allSatisfy { $0 == orientations[0] }
    }
}
