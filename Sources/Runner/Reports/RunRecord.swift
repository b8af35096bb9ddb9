internal import PipelineLanguage

/// What programs are told of a run, as lines of JSON: those of `--report`, and all of them with `--log-format json`.
///
/// Versioned by `v`: fields are added, never renamed.
enum RunRecord {
    static let version = 1
    /// How every line begins: by this a report is told from other files.
    static let beginning = "{\"v\":\(version),\"type\":"

    /// The line of an event; nil for one that programs are not told of.
    ///
    /// - Parameter isReport: only the lines that a report has.
    static func line(_ event: RunEvent, isReport: Bool) -> String? {
        let value: (type: String, [(String, JSON)])? = switch event {
        case .imageFinished(let report): ("image", image(report))
        case .finished(let summary): ("summary", self.summary(summary))
        case _ where isReport: nil
        case .started(let header): ("plan", plan(header))
        case .imageStarted(_, let input): ("start", [("input", .string(input))])
        case .note(let text): ("note", [("text", .string(text))])
        case .stopping(let abandoned): ("stopping", [("abandoned", .bool(abandoned))])
        case .imageProgress: nil
        }
        return value.map { JSON.object([("v", .int(version)), ("type", .string($0.type))] + $0.1).text() }
    }

    private static func image(_ report: ImageReport) -> [(String, JSON)] {
        [
            ("index", optional(report.number, JSON.int)),
            ("input", .string(report.input)),
            // What `--retry-failed` goes by: where the file is wherever it is called from, and its place below the folder that was given.
            ("input_path", .string(Path.absolute(report.input))),
            ("folder", .string(report.folder)),
            ("outputs", strings(report.outputs)),
            ("status", .string(report.status.rawValue)),
            ("reason", optional(report.reason, JSON.string)),
            ("error", optional(report.failure) { failure in
                .object([("code", .string(failure.code)), ("stage", optional(failure.stage, JSON.string)), ("message", .string(failure.message))])
            }),
            ("damage", optional(report.damage, JSON.string)),
            ("seconds", seconds(report.seconds)),
            ("stages", .array(report.stages.map { .object([("name", .string($0.name)), ("seconds", seconds($0.seconds))]) })),
            ("precision", optional(report.precision, JSON.string)),
            ("peak_memory_bytes", optional(report.peakMemory, JSON.int)),
            ("input_bytes", .int(Int(report.inputBytes))),
            ("input_size", report.inputSize.isEmpty ? .null : .array(report.inputSize.map(JSON.int))),
            ("output_sizes", .array(report.outputSizes.map { .array($0.map(JSON.int)) })),
            ("notes", strings(report.notes)),
        ]
    }

    private static func summary(_ summary: RunSummary) -> [(String, JSON)] {
        [
            ("done", .int(summary.done)), ("skipped", .int(summary.skipped)), ("failed", .int(summary.failed)), ("planned", .int(summary.planned)), ("damaged", .int(summary.damaged)),
            ("not_images", .int(summary.strays)), ("not_reached", .int(summary.notReached)), ("seconds", seconds(summary.seconds)), ("megapixels", .double(rounded(summary.megapixels))),
            ("stopped", optional(summary.stopped) { .object([("status", .int(Int($0.status.rawValue))), ("message", .string($0.message))]) }),
            ("shard", shard(summary.shard)), ("versions", versions(summary.versions)),
        ]
    }

    private static func plan(_ header: RunHeader) -> [(String, JSON)] {
        [
            ("pipeline", .string(header.pipeline)), ("images", .int(header.images)), ("input_bytes", .int(Int(header.inputBytes))),
            ("not_images", .array(header.skipped.map { .object([("path", .string($0.path)), ("reason", .string($0.reason))]) })),
            ("jobs", .int(header.jobs)), ("threads_per_image", .int(header.threadsPerImage)), ("memory_bytes", .int(header.memoryBudget)),
            ("networks", optional(header.engine, JSON.string)), ("shard", shard(header.shard)), ("versions", versions(header.versions)),
        ]
    }

    private static func shard(_ shard: Shard?) -> JSON { optional(shard) { .object([("number", .int($0.number)), ("count", .int($0.count))]) } }

    private static func versions(_ versions: RunVersions) -> JSON {
        .object([
            ("aquatint", .string(versions.aquatint)), ("libvips", .string(versions.libvips)),
            ("plugins", .object(versions.plugins.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })),
            ("engine", optional(versions.engine, JSON.string)),
        ])
    }

    private static func optional<Value>(_ value: Value?, _ json: (Value) -> JSON) -> JSON { value.map(json) ?? .null }
    private static func strings(_ list: [String]) -> JSON { .array(list.map(JSON.string)) }
    /// Microseconds are as fine as anybody looks.
    private static func seconds(_ value: Double) -> JSON { .double(rounded(value)) }
    private static func rounded(_ value: Double) -> Double { (value * 1e6).rounded() / 1e6 }
}
