import ArgumentParser
import Foundation
import Runner

/// What `run` tells programs, and what it takes up of earlier runs and of other machines.
struct RecordOptions: ParsableArguments {
    enum LogFormat: String, ExpressibleByArgument, CaseIterable { case text, json }

    @Option(help: ArgumentHelp("Write a line of JSON for each image, and one for the run, as it goes. A report that exists is replaced.", valueName: "file.jsonl"))
    var report: String?

    @Option(name: .customLong("log-format"), help: "What standard output carries: text (nothing but a plan that was asked for), or all events as lines of JSON.")
    var logFormat = LogFormat.text

    @Option(name: .customLong("retry-failed"), help: ArgumentHelp("Do again what failed in the run of that report, in place of inputs. May be given several times.", valueName: "file.jsonl"))
    var retryFailed: [String] = []

    @Option(help: ArgumentHelp("Do the I-th of N parts of the run, from 1; auto: as Slurm, AWS Batch or Kubernetes says.", valueName: "I/N|auto"))
    var shard: String?

    /// Checks what can be checked before anything is read.
    func check(inputs: [String]) throws(RunError) {
        if retryFailed.isEmpty {
            guard !inputs.isEmpty else { throw RunError(.usage, "there is no INPUT: name files, folders or patterns, '-' for a list on standard input, or --retry-failed REPORT") }
        } else if !inputs.isEmpty {
            throw RunError(.usage, "--retry-failed takes its inputs from the report; '\(inputs[0])' cannot be given beside it", hint: "--include and --exclude choose among them")
        }
        guard let report else { return }
        if report == "-" { throw RunError(.usage, "--report takes the name of a file", hint: "--log-format json writes to standard output") }
        let place = URL(filePath: report).resolvingSymlinksInPath().path
        if let same = retryFailed.first(where: { URL(filePath: $0).resolvingSymlinksInPath().path.utf8.elementsEqual(place.utf8) }) {
            throw RunError(.usage, "--report would replace the report '\(same)' that --retry-failed reads, before its images are done", hint: "name another file")
        }
    }

    func part() throws(RunError) -> Shard? {
        guard let shard else { return nil }
        return try Shard(shard, environment: ProcessInfo.processInfo.environment)
    }

    /// Who writes the events of a run for programs.
    func recorders(stop: StopSignal) throws(RunError) -> [RunRecorder] {
        var recorders: [RunRecorder] = []
        if let report { recorders.append(try .report(report, stop: stop)) }
        if logFormat == .json { recorders.append(.events(to: STDOUT_FILENO, stop: stop)) }
        return recorders
    }
}
