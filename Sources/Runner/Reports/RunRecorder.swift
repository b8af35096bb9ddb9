internal import Foundation

/// Writes what happens in a run for programs, while it happens. Where that cannot be written, the run ends: a report with a gap would be taken for the whole.
public final class RunRecorder: Sendable {
    private let file: LineFile
    private let isReport: Bool
    private let stop: StopSignal

    private init(_ file: LineFile, isReport: Bool, stop: StopSignal) { (self.file, self.isReport, self.stop) = (file, isReport, stop) }

    /// `--report`: a line for each image and one for the run. Another report of that name is replaced with the first line.
    ///
    /// - Throws: `RunError` 73 where no such file can be made, or another one has that name.
    public static func report(_ path: String, stop: StopSignal) throws(RunError) -> RunRecorder {
        let file = try LineFile(replacing: path, title: "the report '\(path)'") { $0.starts(with: Data(RunRecord.beginning.utf8)) }
        return RunRecorder(file, isReport: true, stop: stop)
    }

    /// `--log-format json`: all events, to a descriptor.
    public static func events(to descriptor: Int32, stop: StopSignal) -> RunRecorder {
        RunRecorder(LineFile(descriptor: descriptor, title: "standard output"), isReport: false, stop: stop)
    }

    /// Any thread.
    public func handle(_ event: RunEvent) {
        // A run that has nothing to say leaves the report of the last one alone.
        if isReport, case .finished(let summary) = event, summary.isRefused, summary.done + summary.skipped + summary.failed == 0 { return }
        guard let line = RunRecord.line(event, isReport: isReport) else { return }
        do throws(RunError) {
            try file.append(line)
        } catch {
            file.close()
            stop.end(error)
        }
    }

    /// After the last event.
    public func close() { file.close() }
}

extension RunPlan {
    /// What a dry run tells: every image as planned.
    public func events(_ request: RunRequest, settings: RunSettings, schedule: Schedule) -> [RunEvent] {
        var summary = RunSummary()
        summary.planned = images.count
        (summary.strays, summary.shard, summary.versions) = (strays.count, shard, request.versions)
        let reports = unreadable.map { ImageReport(unreadable: $0) } + images.map { ImageReport($0) }
        return [.started(RunHeader(self, request: request, settings: settings, schedule: schedule))] + reports.map { report in
            var report = report
            report.status = .planned
            return .imageFinished(report)
        } + [.finished(summary)]
    }

    /// - Throws: `RunError` 73 where an image would be written over the report.
    public func check(report path: String) throws(RunError) {
        let real = PathKey(Path.real(path)), name = PathKey(Path.base(real.path))
        guard images.contains(where: { $0.outputs.contains { PathKey(Path.base($0)) == name && PathKey(Path.real($0)) == real } }) else { return }
        throw RunError(.cannotCreateOutput, "the report '\(path)' is also an output of this run", hint: "name another file")
    }
}

extension ImageReport {
    /// Of an image that nothing was done with yet, or nothing can be done with.
    init(_ planned: PlannedImage) {
        self.init(index: planned.index, input: planned.input.path, outputs: planned.outputs, status: .done, notes: [], seconds: 0, pixels: 0, inputBytes: planned.bytes)
        folder = planned.input.folder
        number = planned.number
        failure = planned.problem.map { Failure(code: "output", stage: nil, message: $0) }
    }

    /// Of a folder that could not be listed.
    init(unreadable stray: Stray) {
        self.init(index: -1, input: stray.path, outputs: [], status: .failed, failure: .init(code: "load", stage: nil, message: stray.reason),
                  notes: [], seconds: 0, pixels: 0, inputBytes: 0)
        folder = stray.folder
    }
}
