internal import Foundation

/// Tests whether a plug-in keeps what the interface promises, in processes of its own: each crash and each call that does not return is named.
public struct ConformanceCheck: Sendable {
    private let program: String
    /// Values for parameters, by name: for the ones that only the author can give, such as files.
    private let values: [String: String]
    /// Seconds that one call may take.
    private let limit: Double

    /// - Parameter program: this program's own file, which has the commands `scan-plugins` and `try-stage`.
    public init(program: String, values: [String: String] = [:], limit: Double = 10) {
        self.program = program
        self.values = values
        self.limit = limit
    }

    /// - Parameter path: an existing file.
    public func check(_ path: String) -> ConformanceReport {
        var report = ConformanceReport(path: path, descriptor: nil, findings: [], isPlugin: true)
        let scanner = PluginScanner(program: program, version: "", cacheFolder: nil)
        switch scanner.scan([path])[0].finding {
        case .plugin(let descriptor): report.descriptor = descriptor
        case .quarantined(let reason):
            report.findings.append(ConformanceFinding("\(reason)", "Load-time code and \(PluginRefusal.entryName)() have no side effects: no output, threads, files, devices; they return the same tables each time."))
            return report
        case .refused(let reasons):
            report.isPlugin = !reasons.contains { reason in ["is no ", "is an ELF file, but", "is a 32-bit"].contains { reason.hasPrefix($0) } }
            report.findings += reasons.map { ConformanceFinding($0) }
            return report
        }
        guard let descriptor = report.descriptor else { return report }
        if case .plugin(let again) = scanner.scan([path])[0].finding, again != descriptor {
            report.findings.append(ConformanceFinding("its descriptor says something else each time that it is loaded", "It is const data: names, versions, parameters must be the same in every process."))
        }
        for name in values.keys.sorted() where !descriptor.stages.contains(where: { $0.parameters.contains { $0.name == name } }) {
            report.findings.append(ConformanceFinding(.note, "no stage has a parameter '\(name)'"))
        }
        for (index, stage) in descriptor.stages.enumerated() {
            if !stage.id.contains("."), !PluginSearch.isShipped(path, with: program) {
                report.findings.append(ConformanceFinding(stage: stage.id, "the id has no dot", "Ids are vendor.name, such as acme.\(stage.id): those without a dot belong to libvips and to the stages that ship."))
            }
            if stage.licence == nil || stage.licence == "" { report.findings.append(ConformanceFinding(.warning, stage: stage.id, "names no licence", "Set aqt_stage.licence to an SPDX expression, such as MIT.")) }
            var result: TrialResult?
            for part in TrialPart.allCases {
                let trial = run(path, index, stage.id, part)
                report.findings += trial.findings
                // What fails at once fails everywhere.
                if !trial.isWhole, part == .life { break }
                if part == .pictures { result = trial.result }
                if part == .fresh, let alone = trial.result, let fault = result?.difference(from: alone) {
                    report.findings.append(ConformanceFinding(stage: stage.id, "a picture has another result after others than in a process that has seen no other: \(fault)", TrialResult.advice))
                }
            }
        }
        report.findings = Self.gathered(report.findings)
        return report
    }

    /// One finding of each kind: the first, with how often it came.
    private static func gathered(_ findings: [ConformanceFinding]) -> [ConformanceFinding] {
        var kept: [ConformanceFinding] = [], counts: [Int] = []
        // Each process finds what the whole plug-in does, and that is one finding.
        for finding in findings where !kept.contains(finding) {
            func isAlike(_ other: ConformanceFinding) -> Bool {
                !finding.advice.isEmpty && (other.severity, other.stage, other.advice) == (finding.severity, finding.stage, finding.advice)
            }
            if let index = kept.firstIndex(where: isAlike) {
                counts[index] += 1
            } else {
                kept.append(finding)
                counts.append(0)
            }
        }
        for (index, count) in counts.enumerated() where count > 0 { kept[index].message += " (and \(count) more like it)" }
        return kept
    }

    /// What came of one part.
    private struct Trial {
        var findings: [ConformanceFinding] = []
        /// Whether the process came to its end, and there was something to try.
        var isWhole = false
        var result: TrialResult?
    }

    private func run(_ path: String, _ index: Int, _ stage: String, _ part: TrialPart) -> Trial {
        var trial = Trial()
        // The engine compiles networks, which takes as long as they are large.
        let limit = part == .inference ? 12 * limit : limit
        let process: WatchedProcess
        do {
            process = try WatchedProcess(program, ["try-stage", "--stage", "\(index)", "--part", part.rawValue] + values.sorted { $0.key < $1.key }.flatMap { ["--set", "\($0.key)=\($0.value)"] } + ["--", path])
        } catch {
            trial.findings.append(ConformanceFinding(stage: stage, "could not be tried: no process could be started: \(error.reason)"))
            return trial
        }
        var trying = "loading", patience = limit + 20
        var isDone = false, isHopeless = false, isMad = false
        let end = process.listen(patience: patience) { bytes in
            switch try? ScanJSON.decoder.decode(TrialLine.self, from: Data(bytes)) {
            case .trying(let what):
                trying = what
                patience = limit
            case .found(let finding): trial.findings.append(finding)
            case .result(let result): trial.result = result
            case .hopeless: isHopeless = true
            case .done: isDone = true
            case nil:
                isMad = true
                return nil
            }
            return patience
        }
        if isMad {
            trial.findings.append(ConformanceFinding(stage: stage, "damages the memory of the process, or writes to files that are not its own, in \(trying)", "A plug-in writes to its own memory and to its output tile, and to files that it has opened itself."))
            return trial
        }
        if isDone, end == .exited(0) {
            trial.isWhole = !isHopeless
            return trial
        }
        let words = process.lastWords.map { ": \($0)" } ?? ""
        let (what, advice): (String, String) = switch end {
        case .silent: ("did not return within \(Int(limit)) s", "Every call returns, and process() polls aqt_job.cancelled at least every 50 ms.")
        case .exited(WatchedProcess.cannotAnswer): ("closed file descriptors that are not its own, or ended the process", "A plug-in closes what it has opened itself, and nothing else.")
        case .exited(0): ("ended the process, or put another file behind descriptors that are not its own,", "A call returns, and closes or replaces what it has opened itself, and nothing else.")
        case .startedByNone: (end.description, "A plug-in sends signals to no process but those that it has started, and starts none.")
        case .signalled where words.contains("terminate called"):
            (end.description, "No C++ exception leaves a call: catch everything in each function of the stage, as aquatint_plugin.hpp does, and return an AQT_E_* code.")
        default: (end.description, "A call returns AQT_OK or an error: it never crashes, exits or aborts, whatever the size, the tile and the parameters within their ranges.")
        }
        trial.findings.append(ConformanceFinding(stage: stage, "\(what) in \(trying)\(words)", advice))
        return trial
    }
}
