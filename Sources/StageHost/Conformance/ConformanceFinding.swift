/// Something that the conformance test found: a promise of the plug-in interface that a stage does not keep, with the numbers at which it showed.
public struct ConformanceFinding: Sendable, Hashable, Codable {
    public enum Severity: String, Sendable, Hashable, Codable {
        /// A promise is broken.
        case error
        /// It works, and its users will not like it.
        case warning
        /// What could not be tested.
        case note
    }

    public var severity: Severity
    /// The stage's id; nil for the library as a whole.
    public var stage: String?
    /// What is wrong, and where it showed.
    public var message: String
    /// What the interface promises, and what to change; may be empty.
    public var advice: String

    init(stage: String? = nil, _ message: String, _ advice: String = "") { self.init(.error, stage: stage, message, advice) }

    init(_ severity: Severity, stage: String? = nil, _ message: String, _ advice: String = "") {
        self.severity = severity
        self.stage = stage
        self.message = message
        self.advice = advice
    }
}

/// What the conformance test says of a file.
public struct ConformanceReport: Sendable {
    public var path: String
    /// Nil where the plug-in cannot be read.
    public var descriptor: PluginDescriptor?
    public var findings: [ConformanceFinding]
    /// Whether the file is a shared library with the plug-in interface's entry at all.
    public var isPlugin: Bool

    public var isConformant: Bool { isPlugin && !findings.contains { $0.severity == .error } }
}

/// A line of the process that tests a stage.
enum TrialLine: Codable {
    /// What is tried next, to be named should it not return.
    case trying(String)
    case found(ConformanceFinding)
    /// What a picture has become, to be compared with another process' result.
    case result(TrialResult)
    /// It does not work at all: nothing more is worth trying.
    case hopeless
    case done
}

/// What one process tries of a stage.
enum TrialPart: String, CaseIterable, Codable {
    case life, parameters, sizes, cuts, pictures, fresh, threads, leaks, inference
}

/// The samples of a picture's result.
struct TrialResult: Codable {
    var numbers: [Float]
    /// By how much two results may differ.
    var tolerance: Float

    static let advice = "The result depends on this picture and the parameters alone: keep nothing of one picture for the next, neither in the instance nor in static memory, or set AQT_F_IMPURE."

    /// In words; nil where there is none.
    func difference(from other: TrialResult) -> String? {
        guard numbers.count == other.numbers.count else { return "\(numbers.count) samples, and \(other.numbers.count)" }
        guard let index = zip(numbers, other.numbers).enumerated().first(where: { !(abs($1.0 - $1.1) <= tolerance) })?.offset else { return nil }
        return "sample \(index) is \(numbers[index]), and \(other.numbers[index])"
    }
}
