import Foundation
import Runner

/// How far a run has come, and how long it will go on: in pixels, as far as those are known.
///
/// The pixels of an image are known when it is done. Those still to come are estimated by the bytes of their files. Images that are skipped, or that fail, are no work
/// and count for neither rate nor time: a second run that skips a thousand images says how long the other ten take.
struct RunProgress {
    private var total = 0
    private(set) var skipped = 0
    private(set) var failed = 0
    private var done = 0
    /// Of the files that are done, or are to be done.
    private var bytes: Int64 = 0
    private var doneBytes: Int64 = 0
    private var donePixels = 0
    private var inFlight: [Int: Double] = [:]
    /// When the first image began: what comes before it is no measure of the rest.
    private var began: Date?

    /// Images that are done with, one way or the other.
    var finished: Int { done + failed + skipped }
    var left: Int { max(0, total - finished) }

    init() {}

    init(_ header: RunHeader) { (total, bytes) = (header.images, header.inputBytes) }

    mutating func start(_ index: Int, at now: Date = Date()) {
        began = began ?? now
        inFlight[index] = 0
    }

    mutating func advance(_ index: Int, to fraction: Double) { inFlight[index] = fraction }

    mutating func finish(_ report: ImageReport) {
        inFlight[report.index] = nil
        // A folder that could not be listed is none of the images.
        if report.index < 0 { return }
        switch report.status {
        case .done:
            done += 1
            doneBytes += report.inputBytes
            donePixels += report.pixels
        case .failed:
            failed += 1
            bytes -= report.inputBytes
        case .skipped, .planned:
            skipped += 1
            bytes -= report.inputBytes
        }
    }

    /// Bytes that are worked off, those of images in flight as far as they have come.
    private var workedOff: Double {
        let each = left > 0 ? max(0, Double(bytes - doneBytes)) / Double(left) : 0
        return Double(doneBytes) + inFlight.values.reduce(0, +) * each
    }

    /// 0...1.
    var fraction: Double { bytes > 0 ? min(1, max(0, workedOff / Double(bytes))) : 0 }

    /// Pixels in a second; nil as long as nobody can know.
    func rate(at now: Date = Date()) -> Double? {
        guard let elapsed = elapsed(now), doneBytes > 0 else { return nil }
        return workedOff * Double(donePixels) / Double(doneBytes) / elapsed
    }

    /// Seconds still to go; nil as long as nobody can know.
    func remaining(at now: Date = Date()) -> Double? {
        guard let elapsed = elapsed(now), fraction > 0.01 else { return nil }
        return elapsed / fraction - elapsed
    }

    private func elapsed(_ now: Date) -> Double? {
        guard let began, now.timeIntervalSince(began) > 0.5 else { return nil }
        return now.timeIntervalSince(began)
    }

    /// One line that is shorter than the terminal is wide: what does not fit is left out, the least wanted first.
    func line(width: Int, at now: Date = Date()) -> String {
        var parts: [(rank: Int, text: String)] = [(0, "\(done + failed)/\(max(0, total - skipped))")]
        if skipped > 0 { parts.append((4, "\(skipped) skipped")) }
        if failed > 0 { parts.append((2, "\(failed) failed")) }
        if let rate = rate(at: now) { parts.append((3, String(format: "%.1f MP/s", rate / 1e6))) }
        if let remaining = remaining(at: now) { parts.append((1, "\(durationText(remaining)) left")) }
        // The last column stays free: some terminals go to the next line after it.
        let head = String(format: "%3d %%", Int(fraction * 100)), room = width - 1
        func tail(_ rank: Int) -> String { parts.filter { $0.rank <= rank }.map(\.text).joined(separator: ", ") }
        for rank in stride(from: 4, through: 1, by: -1) {
            let tail = tail(rank), length = min(40, room - head.count - tail.count - 4)
            guard length >= 8 else { continue }
            let filled = Int(Double(length) * fraction)
            return "\(head) [\(String(repeating: "=", count: filled))\(String(repeating: " ", count: length - filled))] \(tail)"
        }
        // When it ends is worth more than a picture of how far it is.
        let bare = "\(head) \(tail(1))"
        return bare.count <= room ? bare : String("\(head) \(tail(0))".prefix(max(0, room)))
    }
}

/// `3 images`.
func counted(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

/// `12.3 s`, `4 min 5 s`, `2 h 10 min`.
func durationText(_ seconds: Double) -> String {
    if seconds < 60 { return String(format: "%.1f s", seconds) }
    let whole = Int(min(seconds, 1e9).rounded())
    return whole < 3600 ? "\(whole / 60) min \(whole % 60) s" : "\(whole / 3600) h \(whole / 60 % 60) min"
}
