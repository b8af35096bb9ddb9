/// A pipeline file as a value: what was written, checked for structure, not yet against the stages there are.
public struct Pipeline: Sendable {
    public let source: SourceText
    public internal(set) var description: String?
    public internal(set) var requires = Requirements()
    public internal(set) var variables: [Variable] = []
    public internal(set) var limits = Limits()
    public internal(set) var input = InputSettings()
    /// `auto` unless the file says otherwise; a stage's own `alpha` wins.
    public internal(set) var alpha = AlphaMode.auto
    public internal(set) var images: [NamedImage] = []
    public internal(set) var stages: [StageUse] = []
    /// At least one.
    public internal(set) var outputs: [OutputSpec] = []

    /// The folder that relative files resolve against.
    public var directory: String { source.directory }

    /// The names that images have anywhere in the file: `as` and `images`.
    public var imageNames: [String] {
        images.map(\.name) + (images.flatMap(\.stages) + stages + outputs.flatMap(\.stages)).compactMap(\.asName)
    }

    /// The variables that stages `set`.
    public var setVariables: Set<String> {
        Set((images.flatMap(\.stages) + stages + outputs.flatMap(\.stages)).flatMap(\.set).map(\.variable.text))
    }
}

/// `requires:`.
public struct Requirements: Sendable, Hashable {
    public struct Plugin: Sendable, Hashable {
        /// A plug-in's name, or the id of a stage of it.
        public let name: String
        /// Nil: any version.
        public let range: VersionRange?
        /// The SHA-256 that its file must have, as 64 small hexadecimal digits.
        public let sha256: String?
        public let mark: SourceMark
    }

    public internal(set) var vips: VersionRange?
    public internal(set) var vipsMark: SourceMark?
    public internal(set) var plugins: [Plugin] = []
}

/// An entry of `vars`.
public struct Variable: Sendable, Hashable {
    public let name: String
    public let mark: SourceMark
    /// Type, range, choices and default; only `bool`, `int`, `double` and `string` occur.
    public let parameter: ParameterDescription

    public var type: ParameterType { parameter.type }
    /// Nil: `--set` must give it.
    public var fallback: Value? { parameter.fallback }
    public var doc: String { parameter.doc }
}

/// `limits:`, per image.
public struct Limits: Sendable, Hashable {
    /// As the pipeline gives it.
    public internal(set) var maxPixels: Int?
    /// What holds where the pipeline gives none: beyond any JPEG (65535 x 65535), and far below what a few forged bytes can claim.
    public static let defaultMaxPixels = 5_000_000_000
    /// Seconds.
    public internal(set) var timeout: Double?
    /// Bytes.
    public internal(set) var maxMemory: Int?
}

/// Which pages of a multi-page input are read, counted from 1.
public enum PageSelection: Sendable, Hashable {
    case first
    case all
    /// `3` is `3...3`.
    case range(ClosedRange<Int>)
}

/// `input:`.
public struct InputSettings: Sendable, Hashable {
    /// What becomes of a file that is damaged but partly readable.
    public enum Damage: String, Sendable, Hashable, CaseIterable { case fail, keep }

    /// Whether the image is turned as its EXIF tag says.
    public internal(set) var autorot = true
    public internal(set) var pages = PageSelection.first
    /// What drawings (SVG, PDF) are drawn at, in pixels; nil: the size that they say themselves.
    public internal(set) var width: Int?
    public internal(set) var onDamage = Damage.fail
    /// `untrusted`: whether loaders are used that libvips marks as not hardened against hostile files.
    public internal(set) var allowsUntrusted = false
    /// Loader options by libvips' names.
    public internal(set) var options: [ArgumentUse] = []
}

/// An entry of `images`: a second input, decoded once.
public struct NamedImage: Sendable, Hashable {
    public let name: String
    public let mark: SourceMark
    /// A path, relative to the pipeline file; variables may stand in it, facts may not.
    public let file: Interpolation
    public let options: [ArgumentUse]
    public let stages: [StageUse]
}

/// `output:`, or an item of `outputs`.
public struct OutputSpec: Sendable, Hashable {
    public typealias Metadata = KeptMetadata
    /// Whether samples are dithered where they are stored in fewer bits than the input had.
    public enum Dither: String, Sendable, Hashable, CaseIterable { case auto, none }

    public let mark: SourceMark
    /// The image that is written; nil: the last result.
    public let from: MarkedName?
    public let file: Template
    /// Run on the image before it is written.
    public let stages: [StageUse]
    /// Saver options by libvips' names.
    public let options: [ArgumentUse]
    public let metadata: Metadata
    /// `keep` (as nil), a built-in profile's name, or a path.
    public let profile: Interpolation?
    /// What transparency is laid on where the format has none: see ``backgroundColour(in:pipeline:)``.
    public let background: ArgumentNode?
    public let dither: Dither
}
