internal import Vips

/// Metadata in a file that libvips does not hand out, so that it cannot be kept: EXIF in TIFF, EXIF and XMP in JPEG XL with libvips 8.14.
enum UnreadMetadata {
    /// What the file has and the image that was opened from it does not.
    static func kinds(of file: OpenedFile, _ loader: String, _ image: Image) -> [String] {
        let fields = image.fields
        let found: [String] = switch loader {
        case "tiffload": tiffKinds(file)
        case "jxlload": jxlKinds(file)
        default: []
        }
        return found.filter { !fields.contains($0 == "XMP" ? OutputMetadata.xmp : OutputMetadata.exif) }
    }

    /// What the first directory has beside the picture: tags of its own, and pointers to those of EXIF and of places.
    private static func tiffKinds(_ file: OpenedFile) -> [String] {
        guard let tags = TIFFPages(file, most: 1)?.tags else { return [] }
        let own = [0x10F: "maker", 0x110: "model", 0x132: "date", 0x13B: "artist", 0x8298: "copyright"].filter { tags.contains($0.key) }.sorted { $0.key < $1.key }.map(\.value)
        return (own.isEmpty ? [] : ["its tags of \(own.joined(separator: ", "))"]) + (tags.isDisjoint(with: [0x8769, 0x8825]) ? [] : ["EXIF"])
    }

    /// The kinds of the boxes of a JPEG XL file; one that is compressed names what it is (ISO/IEC 18181-2, 9.3).
    private static func jxlKinds(_ file: OpenedFile) -> [String] {
        let names = file.boxes.map { $0.name == "brob" ? file.read($0.place, 4)?.text(0, 4) ?? "" : $0.name }
        return names.compactMap { ["Exif": "EXIF", "xml ": "XMP"][$0] }
    }
}
