internal import CStageMarks
internal import Glibc

/// A process of this program that runs foreign code and says in lines, on descriptor 3, how far it is.
///
/// Its standard output and standard error go to memory, and Ctrl-C of the terminal does not reach it. It ends with this process, and with its owner.
///
///     this process ── keeper: waits, and says how it ended ── the one that runs foreign code
///
/// The keeper is what foreign code finds as its parent, and may kill: see ``becomeWatched()``.
final class WatchedProcess {
    /// How it ended.
    enum End: Sendable, Hashable {
        case exited(Int32)
        case signalled(Int32)
        /// It said nothing for too long, and was killed.
        case silent
        /// It said more than it may, and was killed.
        case talkative
        /// It has ended its keeper, by that signal; 0: in another way.
        case startedByNone(Int32)

        /// `SIGSEGV (a bad memory access)`, `leaving with status 3`.
        var description: String {
            switch self {
            case .exited(let status): "ended the process with status \(status)"
            case .signalled(let signal): "crashed: \(SignalName.text(signal))"
            case .silent: "did not return in time"
            case .talkative: "flooded its answers"
            case .startedByNone(let signal): "ended the process that had started it\(signal == 0 ? "" : ", by \(SignalName.name(signal))")"
            }
        }
    }

    struct StartFailed: Error {
        let reason: String
    }

    /// Where such a process writes its lines.
    static let answers: Int32 = 3
    /// With what it ends where it cannot: EX_IOERR.
    static let cannotAnswer: Int32 = 74
    /// How lines begin that are for this class: the number of the process that runs foreign code, and its status in the end.
    fileprivate static let ownLine = UInt8(ascii: "~")
    private static let mostBytes = 64 << 20

    private let process: pid_t
    private let lines: Int32
    private let output: Int32
    private let errors: Int32
    private var buffer: [UInt8] = []
    private var taken = 0
    private var isReaped = false
    /// The one that runs foreign code, and the status that its keeper saw.
    private var kept: Int32?
    private var keptStatus: Int32?

    /// - Parameter arguments: without the program's name.
    init(_ program: String, _ arguments: [String]) throws(StartFailed) {
        var ends: [Int32] = [-1, -1]
        let output = aqt_nameless_file(), errors = aqt_nameless_file()
        guard output >= 0, errors >= 0, pipe(&ends) == 0 else {
            let reason = String(cString: strerror(errno))
            for file in [output, errors] where file >= 0 { close(file) }
            throw StartFailed(reason: reason)
        }
        defer { close(ends[1]) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // In this order none of them is overwritten before it is copied: 0 to 2 are open, and so these are 3 or more.
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO)
        posix_spawn_file_actions_adddup2(&actions, ends[1], Self.answers)
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        posix_spawnattr_setpgroup(&attributes, 0)
        var words: [UnsafeMutablePointer<CChar>?] = (["aquatint"] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        // Swift's own reports of crashes take seconds, and let some signals pass.
        var variables: [UnsafeMutablePointer<CChar>?] = [strdup("SWIFT_BACKTRACE=enable=no")]
        var variable = environ
        while let text = variable.pointee {
            if strncmp(text, "SWIFT_BACKTRACE=", 16) != 0 { variables.append(strdup(text)) }
            variable += 1
        }
        variables.append(nil)
        defer { for variable in variables { free(variable) } }
        var process: pid_t = 0, code: Int32 = 0
        _ = OwnProcesses.start {
            code = posix_spawn(&process, program, &actions, &attributes, &words, &variables)
            return code == 0 ? process : -1
        }
        (self.process, lines, self.output, self.errors) = (process, ends[0], output, errors)
        guard code == 0 else {
            isReaped = true
            throw StartFailed(reason: String(cString: strerror(code)))
        }
    }

    deinit {
        finish()
        for file in [lines, output, errors] { close(file) }
    }

    /// Hands on its lines until it has ended, or says nothing for too long, or the receiver has heard enough, and says how it ended.
    ///
    /// - Parameters:
    ///   - patience: seconds until the first line.
    ///   - receive: gets each line, and gives the seconds that the next one may take; nil ends the process.
    func listen(patience: Double, _ receive: ([UInt8]) -> Double?) -> End {
        var patience = patience
        while true {
            switch line(within: patience) {
            case nil: return end(wasSilent: true)
            case .some(nil): return end(wasSilent: false)
            case .some(.some(let line)):
                guard let next = receive(line) else { return end(wasSilent: true) }
                patience = next
            }
        }
    }

    /// The next line that it says; nil where it has ended, or was ended for saying nothing for so many seconds.
    private func line(within seconds: Double) -> [UInt8]?? {
        var limit = now() + seconds
        let last = now() + 12 * seconds, before = activity.seconds
        while true {
            if let end = buffer[taken...].firstIndex(of: UInt8(ascii: "\n")) {
                let start = taken
                taken = end + 1
                guard let first = buffer[start..<end].first else { continue }
                if first == Self.ownLine {
                    let number = Int32(String(decoding: buffer[(start + 1)..<end], as: UTF8.self))
                    guard kept != nil else {
                        kept = number
                        continue
                    }
                    // It has ended, whoever else may hold the pipe.
                    keptStatus = number
                    return .some(nil)
                }
                return .some(Array(buffer[start..<end]))
            }
            buffer.removeFirst(taken)
            taken = 0
            guard buffer.count < Self.mostBytes else { return .some(nil) }
            let left = limit - now()
            guard left > 0 else {
                // On a busy machine it may not have had its time yet.
                let (isRunning, spent) = activity
                guard isRunning, spent - before < seconds, now() < last else { return nil }
                limit = now() + 0.2
                continue
            }
            var wait = pollfd(fd: lines, events: Int16(POLLIN), revents: 0)
            guard poll(&wait, 1, Int32(min(left * 1000 + 1, 100_000))) > 0 else { continue }
            var piece = [UInt8](repeating: 0, count: 64 << 10)
            let count = piece.withUnsafeMutableBytes { read(lines, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return .some(nil) }
            buffer += piece.prefix(count)
        }
    }

    /// Whether one of its threads computes, or waits to, and the seconds of processor time that it has had.
    private var activity: (isRunning: Bool, seconds: Double) {
        let folder = "/proc/\(kept ?? process)"
        guard let fields = Self.fields("\(folder)/stat"), let user = Double(fields[11]), let system = Double(fields[12]) else { return (false, 0) }
        // The first thread may wait for the others.
        let isRunning = (entries(of: "\(folder)/task") ?? []).contains { ["R", "D"].contains(Self.fields("\(folder)/task/\($0)/stat")?.first) }
        return (isRunning, (user + system) / Double(sysconf(Int32(_SC_CLK_TCK))))
    }

    /// What `/proc` says of a process or thread behind its name, which may hold anything: the state, and as 12th and 13th the ticks.
    private static func fields(_ path: String) -> [Substring]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = bytes.withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
        let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        return fields.count > 12 ? fields : nil
    }

    /// Ends it, if it has not ended by itself within a moment after its last line, and says how it ended.
    private func end(wasSilent: Bool) -> End {
        if wasSilent {
            finish()
            return .silent
        }
        if buffer.count >= Self.mostBytes {
            finish()
            return .talkative
        }
        let limit = now() + 2
        var status: Int32 = 0
        while true {
            let result = waitpid(process, &status, WNOHANG)
            if result == process || result < 0 && errno != EINTR { break }
            guard now() < limit else {
                finish()
                return .silent
            }
            usleep(500)
        }
        isReaped = true
        OwnProcesses.forget(process)
        kill(-process, SIGKILL)  // what it has started, if anything
        // Before it was split in two there was one only.
        guard kept == nil || keptStatus != nil else { return .startedByNone(status & 0x7F) }
        let itsStatus = keptStatus ?? status, signal = itsStatus & 0x7F
        return signal == 0 ? .exited(itsStatus >> 8 & 0xFF) : .signalled(signal)
    }

    /// The last thing that it wrote to standard error: why a Swift program trapped, what an assertion said.
    var lastWords: String? {
        let size = lseek(errors, 0, SEEK_END)
        guard size > 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(min(size, 4096)))
        let count = bytes.withUnsafeMutableBytes { pread(errors, $0.baseAddress, $0.count, max(0, size - 4096)) }
        let lines = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(separator: "\n")
        let telling: String?
        if let index = lines.lastIndex(where: { $0.hasPrefix("terminate called") }) {
            // An exception, and what it says of itself.
            telling = lines[index...].prefix(2).filter { $0.hasPrefix("terminate called") || $0.contains("what():") }.map { $0.trimmingPrefix { $0 == " " } }.joined(separator: ", ")
        } else {
            telling = (lines.last { $0.contains("Fatal error") || $0.contains("ssert") } ?? lines.last).map { String($0) }
        }
        return telling.map { String(cleaned($0).prefix(300)) }
    }

    private func finish() {
        guard !isReaped else { return }
        kill(-process, SIGKILL)
        kill(process, SIGKILL)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        isReaped = true
        OwnProcesses.forget(process)
    }
}

/// Seconds of a clock that is never set.
func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// What a process that runs foreign code does first: it leaves no core behind, fills no disk, and does not outlive who asked for it.
func becomeWatched() {
    aqt_end_with_parent()
    for number in [SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGTRAP, SIGFPE, SIGPIPE, SIGXFSZ] { signal(number, SIG_DFL) }
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
    var some = rlimit(rlim_cur: 64 << 20, rlim_max: 64 << 20)
    setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &some)
    _ = fcntl(WatchedProcess.answers, F_SETFD, FD_CLOEXEC)
    separate()
}

/// Goes on in a copy of this process, of which this one is the keeper: foreign code that kills its parent hits nobody else, and that is seen.
private func separate() {
    let keeper = getpid(), copy = aqt_fork()
    guard copy >= 0 else { _exit(WatchedProcess.cannotAnswer) }
    func say(_ number: Int32) { answer([WatchedProcess.ownLine] + Array("\(number)".utf8)) }
    guard copy == 0 else {
        var status: Int32 = 0
        while waitpid(copy, &status, 0) < 0, errno == EINTR {}
        // What the copy had begun to say when it ended is a line of its own.
        answer([])
        say(status)
        _exit(0)
    }
    aqt_end_with_parent()
    if getppid() != keeper { _exit(WatchedProcess.cannotAnswer) }
    say(getpid())
}

/// Writes a line where ``WatchedProcess`` reads.
func answer(_ line: [UInt8]) {
    var rest = ArraySlice(line + [UInt8(ascii: "\n")])
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(WatchedProcess.answers, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { _exit(WatchedProcess.cannotAnswer) }
        rest = rest.dropFirst(count)
    }
}

/// The bytes that were written to standard output so far, those in C's buffers included.
func writtenToOutput() -> Int64 {
    fflush(nil)
    var status = stat()
    return fstat(STDOUT_FILENO, &status) == 0 ? Int64(status.st_size) : 0
}
