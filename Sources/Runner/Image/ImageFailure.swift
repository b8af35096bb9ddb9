internal import PipelineLanguage
internal import StageHost
internal import Vips

/// Why one image failed. The batch goes on, unless `endsRun` says that the next image would fail alike.
struct ImageFailure: Error, Sendable, Codable {
    /// A short word for programs: `load`, `stage`, `expression`, `save`, `limit`, `cancelled`, `timeout`; `crash`, `memory` and `hang` where its worker process was lost with it.
    var code: String
    /// Number and name of the stage (`3: onnx`), or nil outside any.
    var stage: String?
    var message: String
    /// Set where the machine itself is broken: a full disk, an output folder that cannot be written.
    var endsRun: RunError?

    init(_ code: String, stage: String? = nil, _ message: String, endsRun: RunError? = nil) {
        self.code = code
        self.stage = stage
        self.message = message
        self.endsRun = endsRun
    }

    /// The same, as the end of the run where there is a full disk.
    func endingRun(_ full: FullDisk?) -> ImageFailure {
        var failure = self
        failure.endsRun = endsRun ?? full?.error
        return failure
    }

    init(_ error: StageError, stage: String?) {
        self.init("stage", stage: stage, error.message)
    }

    init(_ error: VipsError, code: String, stage: String? = nil) {
        self.init(code, stage: stage, error.description)
    }

    init(_ diagnostics: Diagnostics, stage: String?) {
        let texts = diagnostics.all.filter { $0.severity == .error }.map { $0.message + ($0.mark.map { " (line \($0.line))" } ?? "") }
        self.init("expression", stage: stage, texts.joined(separator: "; "))
    }
}
