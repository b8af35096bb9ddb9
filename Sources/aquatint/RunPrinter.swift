import Foundation
import Runner
import Synchronization

/// Turns the events of a run into text for a person: one bar for the whole run on a terminal, one line per image elsewhere.
final class RunPrinter: Sendable {
    enum Verbosity: Int, Sendable { case quiet, normal, verbose }

    private struct State {
        var progress = RunProgress()
        var made = 0
        var lastDrawn = Date.distantPast
        var barIsShown = false
        var watchLine = ""
    }

    private let terminal: Terminal
    private let verbosity: Verbosity
    private let showsBar: Bool
    /// The file of the run's report, where there is one.
    private let report: String?
    /// The folders whose arrivals are made.
    private let watched: [String]
    private let state = Mutex(State())

    init(terminal: Terminal, verbosity: Verbosity, showsBar: Bool, report: String? = nil, watched: [String] = []) {
        self.watched = watched
        self.terminal = terminal
        self.verbosity = verbosity
        self.report = report
        self.showsBar = showsBar && terminal.isInteractive && verbosity != .quiet
    }

    func handle(_ event: RunEvent) {
        state.withLock { state in
            switch event {
            case .started(let header): begin(header, &state)
            case .imageStarted(let index, _): state.progress.start(index)
            case .imageProgress(let index, let fraction):
                state.progress.advance(index, to: fraction)
                draw(&state)
            case .imageFinished(let report): finish(report, &state)
            case .note(let text):
                if verbosity != .quiet { say(terminal.dim(Terminal.printable(text)), &state) }
                draw(&state)
            case .stopping(let abandoned):
                say(abandoned ? "stopping now; nothing partial is left"
                        : "finishing the images in flight; once more to stop now", &state)
            case .finished(let summary): end(summary, &state)
            }
        }
    }

    private func begin(_ header: RunHeader, _ state: inout State) {
        state.progress = RunProgress(header)
        guard verbosity != .quiet else { return }
        var text = "\(terminal.bold(header.pipeline)): \(counted(header.images, "image"))"
        if let shard = header.shard { text += " (part \(shard))" }
        text += ", \(header.jobs) in flight x \(counted(header.threadsPerImage, "thread")), memory budget \(size(header.memoryBudget))"
        if let engine = header.engine { text += ", \(engine)" }
        say(text, &state)
        if !header.skipped.isEmpty { say(terminal.dim("\(counted(header.skipped.count, "other file")) skipped"), &state) }
        if verbosity == .verbose {
            for stray in header.skipped { say(terminal.dim("  \(stray.path): \(stray.reason)"), &state) }
        }
    }

    private func finish(_ report: ImageReport, _ state: inout State) {
        state.progress.finish(report)
        switch report.status {
        case .failed:
            say("\(terminal.red("failed")) \(Terminal.printable("\(report.input): \(FailureDigest.reason(report))"))", &state)
        case .skipped:
            if verbosity == .verbose { say("skipped \(Terminal.printable(report.input)): \(report.reason ?? "")", &state) }
        case .done, .planned:
            state.made += 1
            let isLine = verbosity == .verbose || ((!showsBar || !watched.isEmpty) && verbosity == .normal)
            if isLine {
                say("\(Terminal.printable(report.input)) -> \(Terminal.printable(report.outputs.joined(separator: ", "))) \(terminal.dim(durationText(report.seconds)))", &state)
            }
        }
        if let damage = report.damage { say("\(terminal.yellow("damaged")) \(Terminal.printable("\(report.input): \(damage); what could be read of it was kept"))", &state) }
        if verbosity != .quiet {
            for note in report.notes { say(terminal.yellow("note") + " \(Terminal.printable(report.input)): \(Terminal.printable(note))", &state) }
        }
        draw(&state)
    }

    private func end(_ summary: RunSummary, _ state: inout State) {
        // The command says why.
        if summary.isRefused { return clear(&state) }
        // A single one is still in sight in a short run.
        if summary.failed > 1 || summary.failed == 1 && state.progress.finished > 10 {
            say("\(counted(summary.failed, "image")) failed:", &state)
            for line in FailureDigest.lines(summary.failures) { say("  \(Terminal.printable(line))", &state) }
            let more = summary.failed - summary.failures.count
            if more > 0 { say("  and \(more) more after these, which \(report.map { "stand in \(Terminal.quoted($0))" } ?? "only a report keeps (--report FILE)")", &state) }
        }
        if let stopped = summary.stopped { say("\(terminal.red("stopped")): \(stopped.description)", &state) }
        guard verbosity != .quiet || summary.failed > 0 else { clear(&state); return }
        var parts = ["\(summary.done) done"]
        if summary.damaged > 0 { parts[0] += terminal.yellow(" (\(summary.damaged) damaged)") }
        if summary.skipped > 0 { parts.append("\(summary.skipped) skipped") }
        if summary.failed > 0 { parts.append(terminal.red("\(summary.failed) failed")) }
        if summary.strays > 0 { parts.append("\(summary.strays) not images") }
        let rate = summary.seconds > 0 && summary.megapixels > 0
            ? String(format: ", %.1f MP at %.1f MP/s", summary.megapixels, summary.megapixels / summary.seconds) : ""
        say("\(parts.joined(separator: ", ")) in \(durationText(summary.seconds))\(rate)", &state)
        if verbosity != .quiet { for line in advice(summary, state) { say(terminal.dim(line), &state) } }
    }

    /// How to go on with what is not done.
    private func advice(_ summary: RunSummary, _ state: State) -> [String] {
        var lines: [String] = []
        if state.progress.left > 0 { lines.append("\(counted(state.progress.left, "image")) not reached: the same command goes on with \(state.progress.left == 1 ? "it" : "them")") }
        if summary.failed > 0 {
            lines.append(report.map { "to do only what failed: the same command with --retry-failed \(Terminal.quoted($0)) in place of the inputs" }
                ?? "to do what failed: the same command (--report FILE keeps a list, for --retry-failed FILE)")
        }
        return lines
    }

    // MARK: the bar

    private func say(_ text: String, _ state: inout State) {
        clear(&state)
        Terminal.standardError(text + "\n")
    }

    private func clear(_ state: inout State) {
        guard state.barIsShown else { return }
        Terminal.standardError("\r\u{1B}[K")
        state.barIsShown = false
    }

    private func draw(_ state: inout State) {
        let now = Date()
        if showsBar, !watched.isEmpty, state.progress.left == 0 { return drawWatch(&state) }
        guard showsBar, state.progress.left > 0, now.timeIntervalSince(state.lastDrawn) > 0.1 else { return }
        state.lastDrawn = now
        state.barIsShown = true
        Terminal.standardError("\r\u{1B}[K" + state.progress.line(width: terminal.width, at: now))
    }

    /// What stands there while nothing is known of what is to come.
    private func drawWatch(_ state: inout State) {
        var text = "watching \(Terminal.printable(watched.joined(separator: ", "))): \(state.made) made"
        if state.progress.failed > 0 { text += ", \(state.progress.failed) failed" }
        guard !state.barIsShown || text != state.watchLine else { return }
        state.barIsShown = true
        state.watchLine = text
        Terminal.standardError("\r\u{1B}[K" + text.prefix(max(8, terminal.width - 1)))
    }

    // MARK: words

    private func size(_ bytes: Int) -> String {
        bytes >= 1 << 30 ? String(format: "%.1f GiB", Double(bytes) / Double(1 << 30)) : "\(bytes >> 20) MiB"
    }
}
