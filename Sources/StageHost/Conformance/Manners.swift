internal import CStageMarks
internal import Foundation

/// What a plug-in must leave as it is, as it was at one moment.
struct Manners {
    private let written = writtenToOutput()
    private let folder = FileManager.default.currentDirectoryPath
    private let locale = setlocale(LC_ALL, nil).map { String(cString: $0) }
    private let threadLocale = uselocale(nil)
    private let rounding = fegetround()
    private let floatingPointMode = Self.floatingPointMode
    /// What each signal leads to, by its number less 1.
    private let handlers = (1...Int32(31)).map { number in
        var action = sigaction()
        sigaction(number, nil, &action)
        // The handler comes first.
        return withUnsafeBytes(of: action) { $0.load(as: UInt.self) }
    }
    private let blocked = Self.blockedSignals
    private let variables = ProcessInfo.processInfo.environment
    private let mask = Self.creationMask
    private let limits = Self.limits.map { resource, _ in
        var limit = rlimit()
        getrlimit(resource, &limit)
        return [limit.rlim_cur, limit.rlim_max]
    }
    private let hasTimer = [ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF].map { kind in
        var timer = itimerval()
        getitimer(__itimer_which_t(kind.rawValue), &timer)
        return timer.it_value.tv_sec != 0 || timer.it_value.tv_usec != 0
    }
    private let processors = aqt_processors()
    private let bait: [[UInt8]]
    private let priority = getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)
    /// What each descriptor leads to.
    private let files = Self.files
    private let threads = Self.threads
    private let hasChildren = {
        var information = siginfo_t()
        return waitid(P_ALL, 0, &information, WEXITED | WNOHANG | WNOWAIT) == 0
    }()

    /// - Parameter bait: files of the host's, that nobody else has any business with.
    init(_ bait: Bait) { self.bait = bait.state }

    /// What has changed since, and what to do about it.
    ///
    /// - Parameters:
    ///   - besidesHost: the host has done things of its own meanwhile that open files and start threads.
    ///   - countsThreads: threads that are left are told of.
    ///   - countsFiles: files that are left open are told of.
    func findings(after: Manners, of stage: String, besidesHost: Bool, countsThreads: Bool, countsFiles: Bool) -> [ConformanceFinding] {
        var findings: [ConformanceFinding] = []
        func fault(_ message: String, _ advice: String) { findings.append(ConformanceFinding(stage: stage, message, advice)) }
        func warning(_ message: String, _ advice: String) { findings.append(ConformanceFinding(.warning, stage: stage, message, advice)) }
        if after.written > written { fault("writes to standard output: \(after.written - written) bytes", "Standard output belongs to the user's programs: use aqt_host.log.") }
        if after.folder != folder { fault("changes the working directory, to \(after.folder)", "All threads share it: open files by absolute paths (aqt_value.s of a FILE is one), or with openat().") }
        if after.locale != locale { fault("changes the locale", "All threads share it, and numbers of others would be written with commas: use uselocale(), and put it back before the call returns.") }
        if after.threadLocale != threadLocale { fault("leaves another locale behind in the thread (uselocale)", "Put back what uselocale() gave before the call returns.") }
        for (index, handler) in handlers.enumerated() where after.handlers[index] != handler {
            fault("handles the signal \(SignalName.text(Int32(index + 1))), or ignores it", "Signals are the host's: no signal(), sigaction() in any call; sigwait() and the like neither.")
        }
        if !besidesHost, after.blocked != blocked { fault("leaves signals blocked in the thread", "Put back what pthread_sigmask() gave before the call returns.") }
        if after.rounding != rounding { fault("changes the rounding of floating-point arithmetic", "Put back what fegetround() gave before the call returns: other stages compute in this thread.") }
        else if after.floatingPointMode != floatingPointMode {
            fault("changes the mode of floating-point arithmetic (flushing small numbers to zero, or exceptions)", "Put the mode back before the call returns, and link without -ffast-math, which sets it when a library is loaded.")
        }
        let names = Set(variables.keys).union(after.variables.keys).filter { variables[$0] != after.variables[$0] }.sorted()
        if !besidesHost, let name = names.first {
            let others = names.count > 1 ? " and \(names.count - 1) more" : ""
            fault("changes the environment: \(cleaned(name))\(others)", "setenv() and putenv() move what other threads read, which crashes them: give a library its settings by its functions.")
        }
        if after.mask != mask { fault("changes the umask, from \(Self.octal(mask)) to \(Self.octal(after.mask))", "Files of the host would get these permissions: give open() the mode, or use fchmod().") }
        for (index, resource) in Self.limits.enumerated() where after.limits[index] != limits[index] {
            fault("changes a limit of the process: \(resource.name)", "setrlimit() holds for the host, too: bound your own memory and files yourself.")
        }
        if !hasTimer.contains(true), after.hasTimer.contains(true) { fault("leaves an alarm running, which would end the process", "No alarm(), setitimer(): poll a clock in process(), and aqt_job.cancelled.") }
        if after.processors != processors { fault("changes on which processors the process runs", "The host's threads run there, too: no sched_setaffinity().") }
        if after.bait != bait {
            fault("writes to, reads from or changes a file or socket that is not its own", "A plug-in touches descriptors that it has opened itself, until it has closed them: the numbers of others are the host's files and outputs.")
        }
        if after.priority != priority { fault("changes the priority of the process, from \(priority) to \(after.priority)", "How much of the machine a run takes is the user's to say: no nice(), setpriority().") }
        if after.hasChildren, !hasChildren { fault("starts processes that are still there, or were not waited for", "No fork(), in any call: a copy holds all files of the host. Threads do, or a library.") }
        for (number, target) in files.sorted(by: { $0.key < $1.key }) where after.files[number] != target {
            fault("closes the file descriptor \(number), which is not its own\(number == STDOUT_FILENO ? " (standard output)" : number == STDERR_FILENO ? " (standard error)" : "")", "A plug-in closes what it has opened itself, once: after that the number is another's.")
        }
        if !besidesHost, countsFiles {
            let new = after.files.filter { files[$0.key] == nil }.map(\.value).sorted()
            if let first = new.first { warning("leaves \(new.count) file\(new.count == 1 ? "" : "s") open after its last instance is destroyed, the first \(cleaned(first))", "Close in destroy() what create() opened.") }
        }
        if countsThreads, after.threads > threads {
            // Those that are about to end have a moment.
            let end = now() + 0.5
            while Self.threads > threads, now() < end { usleep(10_000) }
            let left = Self.threads - threads
            if left > 64 { fault("leaves \(left) threads running after its last instance is destroyed", "End in destroy() what create() started.") }
            else if left > 0 { warning("leaves \(left) thread\(left == 1 ? "" : "s") running after its last instance is destroyed", "End in destroy() what create() started. Threads that a library keeps for good cost memory only.") }
        }
        return findings
    }

    /// One bit for each of this thread.
    private static var blockedSignals: UInt64 {
        var signals = sigset_t()
        pthread_sigmask(SIG_BLOCK, nil, &signals)
        return withUnsafeBytes(of: signals) { $0.loadUnaligned(as: UInt64.self) }
    }

    /// The control bits, without the flags that every calculation sets; 0 on machines of which this is not known.
    private static var floatingPointMode: UInt32 {
        #if arch(x86_64)
        var environment = fenv_t()
        fegetenv(&environment)
        return environment.__mxcsr & ~0x3F
        #else
        return 0
        #endif
    }

    private static var creationMask: mode_t {
        let mask = umask(0o077)
        umask(mask)
        return mask
    }

    private static func octal(_ mask: mode_t) -> String { "0" + String(mask, radix: 8) }

    private static let limits: [(resource: __rlimit_resource_t, name: String)] = [
        (__rlimit_resource_t(RLIMIT_AS.rawValue), "RLIMIT_AS"), (__rlimit_resource_t(RLIMIT_CORE.rawValue), "RLIMIT_CORE"), (__rlimit_resource_t(RLIMIT_CPU.rawValue), "RLIMIT_CPU"),
        (__rlimit_resource_t(RLIMIT_DATA.rawValue), "RLIMIT_DATA"), (__rlimit_resource_t(RLIMIT_FSIZE.rawValue), "RLIMIT_FSIZE"), (__rlimit_resource_t(RLIMIT_NOFILE.rawValue), "RLIMIT_NOFILE"),
        (__rlimit_resource_t(RLIMIT_STACK.rawValue), "RLIMIT_STACK"), (__rlimit_resource_t(__RLIMIT_NPROC.rawValue), "RLIMIT_NPROC"), (__rlimit_resource_t(__RLIMIT_MEMLOCK.rawValue), "RLIMIT_MEMLOCK"),
    ]

    private static var threads: Int { (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count) ?? 0 }

    /// Without the one that reading them takes.
    private static var files: [Int32: String] {
        var files: [Int32: String] = [:]
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? [] {
            guard let number = Int32(name), fcntl(number, F_GETFD) >= 0 else { continue }
            files[number] = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(name)")) ?? "?"
        }
        return files
    }
}

/// A file and a socket that look as the host's own do, to see whether a plug-in touches what it has not opened.
final class Bait: Sendable {
    private let file = aqt_nameless_file()
    private let ends: [Int32]
    private static let start = off_t(100)

    /// None where the system has none.
    init() {
        var ends: [Int32] = [-1, -1]
        _ = socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends)
        self.ends = ends
        let bytes = [UInt8](0...255)
        _ = write(file, bytes, bytes.count)
        lseek(file, Self.start, SEEK_SET)
        for end in ends { _ = send(end, [1, 2, 3], 3, Int32(MSG_NOSIGNAL)) }
    }

    /// All that can be seen of them without a change. What is closed is told of elsewhere.
    fileprivate var state: [[UInt8]] {
        var contents = [UInt8](repeating: 0, count: 512)
        let count = pread(file, &contents, contents.count, 0)
        var state = [Array(contents.prefix(max(0, count))), Array("\(lseek(file, 0, SEEK_CUR))".utf8)]
        for end in ends {
            let count = recv(end, &contents, contents.count, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
            state.append(Array(contents.prefix(max(0, count))))
            var wait = pollfd(fd: end, events: Int16(POLLIN) | Int16(POLLOUT), revents: 0)
            poll(&wait, 1, 0)
            state.append([UInt8(truncatingIfNeeded: wait.revents), UInt8(truncatingIfNeeded: wait.revents >> 8), UInt8(truncatingIfNeeded: fcntl(end, F_GETFL) >> 8)])
        }
        return state
    }
}
