import Foundation
import Runner
import Synchronization

/// Turns the events of a run into text for a person: one bar for the whole run on a terminal, one line per image elsewhere.
final class RunPrinter: Sendable {
    enum Verbosity: Int, Sendable { case quiet, normal, verbose }

    private struct State {
        var total = 0
        var inputBytes: Int64 = 0
        var finished = 0
        var failed = 0
        var made = 0
        /// Pixels and bytes of finished images: what the rest is estimated by.
        var finishedPixels = 0
        var finishedBytes: Int64 = 0
        var inFlight: [Int: Double] = [:]
        var started = Date()
        var lastDrawn = Date.distantPast
        var barIsShown = false
        var watchLine = ""
    }

    private let terminal: Terminal
    private let verbosity: Verbosity
    private let showsBar: Bool
    /// The folders whose arrivals are made.
    private let watched: [String]
    private let state = Mutex(State())

    init(terminal: Terminal, verbosity: Verbosity, showsBar: Bool, watched: [String] = []) {
        self.watched = watched
        self.terminal = terminal
        self.verbosity = verbosity
        self.showsBar = showsBar && terminal.isInteractive && verbosity != .quiet
    }

    func handle(_ event: RunEvent) {
        state.withLock { state in
            switch event {
            case .started(let header): begin(header, &state)
            case .imageStarted(let index, _): state.inFlight[index] = 0
            case .imageProgress(let index, let fraction):
                state.inFlight[index] = fraction
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
        state.total = header.images
        state.inputBytes = header.inputBytes
        state.started = Date()
        guard verbosity != .quiet else { return }
        var text = "\(terminal.bold(header.pipeline)): \(count(header.images, "image"))"
        text += ", \(header.jobs) in flight x \(count(header.threadsPerImage, "thread")), memory budget \(size(header.memoryBudget))"
        if let engine = header.engine { text += ", \(engine)" }
        say(text, &state)
        if !header.skipped.isEmpty { say(terminal.dim("\(count(header.skipped.count, "other file")) skipped"), &state) }
        if verbosity == .verbose {
            for stray in header.skipped { say(terminal.dim("  \(stray.path): \(stray.reason)"), &state) }
        }
    }

    private func finish(_ report: ImageReport, _ state: inout State) {
        state.inFlight[report.index] = nil
        state.finished += 1
        state.finishedPixels += report.pixels
        state.finishedBytes += report.inputBytes
        switch report.status {
        case .failed:
            state.failed += 1
            say("\(terminal.red("failed")) \(failureText(report))", &state)
        case .skipped:
            if verbosity == .verbose { say("skipped \(Terminal.printable(report.input)): \(report.reason ?? "")", &state) }
        case .done, .planned:
            state.made += 1
            let isLine = verbosity == .verbose || ((!showsBar || !watched.isEmpty) && verbosity == .normal)
            if isLine {
                say("\(Terminal.printable(report.input)) -> \(Terminal.printable(report.outputs.joined(separator: ", "))) \(terminal.dim(seconds(report.seconds)))", &state)
            }
        }
        if verbosity != .quiet {
            for note in report.notes { say(terminal.yellow("note") + " \(Terminal.printable(report.input)): \(Terminal.printable(note))", &state) }
        }
        draw(&state)
    }

    private func end(_ summary: RunSummary, _ state: inout State) {
        if summary.failed > 1 {
            say("\(count(summary.failed, "image")) failed:", &state)
            for report in summary.failures { say("  \(failureText(report))", &state) }
        }
        if let stopped = summary.stopped { say("\(terminal.red("stopped")): \(stopped.message)", &state) }
        guard verbosity != .quiet || summary.failed > 0 else { clear(&state); return }
        var parts = ["\(summary.done) done"]
        if summary.skipped > 0 { parts.append("\(summary.skipped) skipped") }
        if summary.failed > 0 { parts.append(terminal.red("\(summary.failed) failed")) }
        if summary.strays > 0 { parts.append("\(summary.strays) not images") }
        let rate = summary.seconds > 0 && summary.megapixels > 0
            ? String(format: ", %.1f MP at %.1f MP/s", summary.megapixels, summary.megapixels / summary.seconds) : ""
        say("\(parts.joined(separator: ", ")) in \(seconds(summary.seconds))\(rate)", &state)
    }

    private func failureText(_ report: ImageReport) -> String {
        let stage = report.failure?.stage.map { "stage \($0): " } ?? ""
        return Terminal.printable("\(report.input): \(stage)\(report.failure?.message ?? "unknown failure")")
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
        if showsBar, !watched.isEmpty, state.finished >= state.total { return drawWatch(&state) }
        guard showsBar, state.finished < state.total, now.timeIntervalSince(state.lastDrawn) > 0.1 else { return }
        state.lastDrawn = now
        state.barIsShown = true
        Terminal.standardError("\r\u{1B}[K" + bar(state, now))
    }

    /// What stands there while nothing is known of what is to come.
    private func drawWatch(_ state: inout State) {
        var text = "watching \(Terminal.printable(watched.joined(separator: ", "))): \(state.made) made"
        if state.failed > 0 { text += ", \(state.failed) failed" }
        guard !state.barIsShown || text != state.watchLine else { return }
        state.barIsShown = true
        state.watchLine = text
        Terminal.standardError("\r\u{1B}[K" + text.prefix(max(8, terminal.width - 1)))
    }

    /// Done in pixels; pixels still to come are estimated from the bytes of the remaining files.
    private func bar(_ state: State, _ now: Date) -> String {
        let pixelsPerByte = state.finishedBytes > 0 ? Double(state.finishedPixels) / Double(state.finishedBytes) : 0
        let averageBytes = state.total > 0 ? Double(state.inputBytes) / Double(state.total) : 0
        let running = state.inFlight.values.reduce(0, +)
        let doneBytes = Double(state.finishedBytes) + running * averageBytes
        let fraction = state.inputBytes > 0 ? min(1, doneBytes / Double(state.inputBytes)) : 0
        let elapsed = now.timeIntervalSince(state.started)
        var tail = " \(state.finished)/\(state.total)"
        if state.failed > 0 { tail += ", \(state.failed) failed" }
        if elapsed > 0.5, doneBytes > 0 {
            if pixelsPerByte > 0 { tail += String(format: ", %.1f MP/s", doneBytes * pixelsPerByte / elapsed / 1e6) }
            if fraction > 0.01 { tail += ", \(seconds(elapsed / fraction - elapsed)) left" }
        }
        let head = String(format: "%3d %% ", Int(fraction * 100))
        let room = max(8, min(40, terminal.width - head.count - tail.count - 3))
        let filled = Int(Double(room) * fraction)
        return head + "[" + String(repeating: "=", count: filled) + String(repeating: " ", count: room - filled) + "]" + tail
    }

    // MARK: words

    private func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

    private func seconds(_ value: Double) -> String {
        if value < 60 { return String(format: "%.1f s", value) }
        let whole = Int(value.rounded())
        return whole < 3600 ? "\(whole / 60) min \(whole % 60) s" : "\(whole / 3600) h \(whole / 60 % 60) min"
    }

    private func size(_ bytes: Int) -> String {
        bytes >= 1 << 30 ? String(format: "%.1f GiB", Double(bytes) / Double(1 << 30)) : "\(bytes >> 20) MiB"
    }
}
