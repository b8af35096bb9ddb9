import CVips
import Synchronization

/// Attributes the lines of libvips' one process-wide error text to the calls they belong to.
///
/// libvips appends every complaint, of every thread, to one buffer. Two images that fail at the same moment would
/// read each other's texts, or one of them none at all: whoever reads first empties the buffer. So each call into libvips is
/// registered while it runs, and a failing call takes the buffer under one lock and sorts it:
///
///     buffer ──▶ lines ──▶ mine        (start with my operation's name, or name my file)     ┐
///                     ├──▶ nobody's    (no call in flight matches: an inner step of mine)    ├─▶ the message
///                     └──▶ another's   (left on the ledger for that call)                    ┘   (if all else is empty)
struct ErrorLedger: ~Copyable {
    /// The process's ledger, as there is one error buffer in the process.
    static let shared = ErrorLedger()

    /// Identifies a registered call.
    typealias Ticket = UInt64

    /// Enough for any burst of failures; older lines fall off the front.
    private static let capacity = 256

    private struct Call {
        let operation: String?
        let names: [String]

        func claims(_ line: String) -> Bool {
            if let operation, line.hasPrefix(operation), line.dropFirst(operation.count).hasPrefix(":") { return true }
            return names.contains { !$0.isEmpty && line.contains($0) }
        }
    }

    private struct State {
        var lastTicket: Ticket = 0
        var inFlight: [Ticket: Call] = [:]
        var lines: [String] = []
        /// What another call took while this one was running: better than no message at all.
        var takenMeanwhile: [Ticket: [String]] = [:]
    }

    private let state = Mutex(State())
    /// The latest warnings, with the threads they were said on. libpng's complaints go there and nowhere else.
    private let warnings = Mutex<[(thread: pthread_t, text: String)]>([])

    /// Notes a warning for the call that runs on this thread.
    func warn(_ text: String) {
        warnings.withLock { warnings in
            if warnings.count >= Self.capacity { warnings.removeFirst() }
            warnings.append((pthread_self(), text))
        }
    }

    /// Takes this thread's warnings off.
    private func takeWarnings() -> [String] {
        let thread = pthread_self()
        return warnings.withLock { warnings in
            defer { warnings.removeAll { $0.thread == thread } }
            return warnings.filter { $0.thread == thread }.map(\.text)
        }
    }

    /// Registers a call. `names` are texts that mark a line as this call's own: paths of files it opens.
    func begin(_ operation: String?, names: [String]) -> Ticket {
        _ = takeWarnings()
        return state.withLock { state in
            if state.inFlight.isEmpty {
                // Calls that succeed may leave texts behind (a format sniffed and rejected); nobody owns them now.
                _ = Self.drainBuffer()
                state.lines.removeAll()
            }
            state.lastTicket += 1
            state.inFlight[state.lastTicket] = Call(operation: operation, names: names)
            return state.lastTicket
        }
    }

    /// Unregisters a call, and drops the lines that only it could have claimed.
    func end(_ ticket: Ticket) {
        state.withLock { state in
            guard let call = state.inFlight.removeValue(forKey: ticket) else { return }
            state.takenMeanwhile[ticket] = nil
            let others = Array(state.inFlight.values)
            state.lines.removeAll { line in call.claims(line) && !others.contains { $0.claims(line) } }
        }
    }

    /// What a decoder complained of while an image was written that is written all the same: libvips' tile cache paints what could not be computed black, and a thread that
    /// comes later takes that for pixels. To be asked right after a call that wrote a file; nil where other calls are in flight, whose complaint it might be.
    func decoderComplaint() -> String? {
        let decoders = ["vipspng:", "VipsJpeg:", "tiff2vips:", "webp2vips:", "webpload:", "heifload:", "gifload:", "jxlload:", "jp2kload:", "pngload:", "jpegload:", "tiffload:",
                        "pngload_source:", "jpegload_source:", "webpload_source:"]
        return state.withLock { state in
            guard state.inFlight.isEmpty else { return nil }
            state.lines.append(contentsOf: Self.drainBuffer())
            defer { state.lines.removeAll() }
            return state.lines.first { line in decoders.contains { line.hasPrefix($0) } }
        }
    }

    /// The message of a registered call that has just failed. Call it at once, before anything else in libvips.
    func message(of ticket: Ticket) -> String {
        let lines = state.withLock { state -> [String] in
            state.lines.append(contentsOf: Self.drainBuffer())
            if state.lines.count > Self.capacity { state.lines.removeFirst(state.lines.count - Self.capacity) }
            guard let call = state.inFlight[ticket] else { return state.lines }

            let others = state.inFlight.filter { $0.key != ticket }
            func isAnothers(_ line: String) -> Bool { !call.claims(line) && others.values.contains { $0.claims(line) } }
            let left = state.lines.filter(isAnothers)
            let taken = state.lines.filter { !isAnothers($0) }
            state.lines = left
            for other in others.keys where !taken.isEmpty {
                state.takenMeanwhile[other, default: []] = (state.takenMeanwhile[other, default: []] + taken).suffix(8)
            }
            if !taken.isEmpty { return taken }
            if !left.isEmpty { return left }
            return state.takenMeanwhile[ticket] ?? []
        }
        let operation = state.withLock { $0.inFlight[ticket]?.operation }
        return Self.sentence(from: lines.contains { !$0.allSatisfy(\.isWhitespace) } ? lines : takeWarnings(), operation: operation)
    }

    /// Takes and empties libvips' buffer in one step of libvips' own lock.
    private static func drainBuffer() -> [String] {
        guard let text = vips_error_buffer_copy() else { return [] }
        defer { g_free(text) }
        return String(cString: text).split(separator: "\n").map(String.init)
    }

    /// Joins lines into one: repeats dropped, the operation's own name and surrounding blanks taken off.
    static func sentence(from lines: [String], operation: String?) -> String {
        var parts: [String] = []
        for line in lines {
            var part = Substring(line)
            if let operation, part.hasPrefix("\(operation): ") { part = part.dropFirst(operation.count + 2) }
            part = part.drop { $0.isWhitespace }
            while part.last?.isWhitespace == true { part.removeLast() }
            if !part.isEmpty, !parts.contains(String(part)) { parts.append(String(part)) }
        }
        return parts.isEmpty ? "libvips failed and gave no reason" : parts.joined(separator: "; ")
    }
}

/// Runs a call into libvips; `nil` from `body` means that it failed, and becomes the error with libvips' text.
/// Starts libvips where nobody has. `complainingAs`: what the texts of the operation begin with, where that is not its name.
func callingVips<Result>(
    _ operation: String?, complainingAs domain: String? = nil, names: [String] = [], _ body: () -> Result?
) throws(VipsError) -> Result {
    try VipsLibrary.start()
    let ticket = ErrorLedger.shared.begin(domain ?? operation, names: names)
    defer { ErrorLedger.shared.end(ticket) }
    if let result = body() { return result }
    throw VipsError(operation: operation, message: ErrorLedger.shared.message(of: ticket))
}
