/// `metadata:` of an output: which kinds the file keeps of what its input says of itself.
///
/// Size, resolution, and what an animation needs (delays, loops) are no part of it: a file that is written has its own.
public struct KeptMetadata: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case exif
        /// The place where it was taken, which lies in EXIF, XMP and IPTC, and is kept only where they are.
        case gps
        case xmp, iptc
        /// The colour profile. Without it, the pixels are brought to sRGB.
        case icc
        /// Comments, titles and what else a format has.
        case other
    }

    public let kinds: Set<Kind>

    public init(kinds: Set<Kind>) {
        self.kinds = kinds
    }

    public static let keep = KeptMetadata(kinds: Set(Kind.allCases))
    public static let strip = KeptMetadata(kinds: [])

    public func has(_ kind: Kind) -> Bool { kinds.contains(kind) }
}
