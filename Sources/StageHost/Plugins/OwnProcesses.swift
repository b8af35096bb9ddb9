internal import CStageMarks
internal import Glibc
internal import Synchronization

/// The processes that this one has started, and those that foreign code has left below it.
///
/// A plug-in may start processes (the interface forbids it), copies of a worker among them, which hold all that the worker held. They end with the worker:
///
///     supervisor ── worker ── process of a plug-in        the worker is gone: its orphans become the supervisor's children, and are none that it has started
public enum OwnProcesses {
    private static let started = Mutex<Set<Int32>>([])
    private static let adoptsSince = Mutex<UInt64?>(nil)

    /// Takes note of a process that `body` starts, before anybody can take it for an orphan.
    ///
    /// - Parameter body: gives its number, or one that is not positive where there is none.
    public static func start(_ body: () -> Int32) -> Int32 {
        started.withLock { started in
            let process = body()
            if process > 0 { started.insert(process) }
            return process
        }
    }

    /// Forgets a process that has ended. After it was waited for.
    public static func forget(_ process: Int32) { started.withLock { _ = $0.remove(process) } }

    /// Forgets all that the process had started of which this one is a copy.
    public static func forgetAll() {
        started.withLock { $0 = [] }
        adoptsSince.withLock { $0 = nil }
    }

    /// Makes the orphans of workers this process' children. Before the first worker.
    public static func adoptOrphans() {
        adoptsSince.withLock { since in
            if since == nil, aqt_adopt_orphans() == 0 { since = ProcessFacts(getpid())?.now }
        }
    }

    /// Ends the processes that workers of this one have left behind.
    ///
    /// Those that this process had as children before, and what they have left, are not touched: what is ended was started since, and is this very program or was given
    /// the temporary folder of a worker.
    public static func endOrphans() {
        guard let since = adoptsSince.withLock({ $0 }) else { return }
        // What is ended may have children, which are orphans then.
        for _ in 0..<100 where hasChildren {
            let orphans = started.withLock { started in
                ProcessFacts.children(of: [getpid()]).filter { !started.contains($0.process) && $0.started >= since && ($0.isThisProgram || $0.isOfWorker(of: getpid())) }
            }
            if orphans.isEmpty { return }
            for orphan in orphans { end(orphan.process) }
        }
    }

    /// Ends all processes below this one: for a worker that leaves.
    public static func endDescendants() {
        guard hasChildren else { return }
        var found: [Int32] = [], parents: Set<Int32> = [getpid()]
        while !parents.isEmpty {
            let children = ProcessFacts.children(of: parents).map(\.process)
            found += children
            parents = Set(children)
        }
        for process in found { kill(process, SIGKILL) }
    }

    private static func end(_ process: Int32) {
        kill(process, SIGKILL)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
    }

    private static var hasChildren: Bool {
        var information = siginfo_t()
        return waitid(P_ALL, 0, &information, WEXITED | WNOHANG | WNOWAIT) == 0
    }
}

/// What `/proc` says of a process.
private struct ProcessFacts {
    let process: Int32
    let parent: Int32
    /// Clock ticks since the system was started.
    let started: UInt64

    init?(_ process: Int32) {
        // The name in parentheses may hold anything; behind it the state is the first field.
        guard let text = Self.read("/proc/\(process)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 19, let parent = Int32(fields[1]), let started = UInt64(fields[19]) else { return nil }
        (self.process, self.parent, self.started) = (process, parent, started)
    }

    /// Now, in the same ticks.
    var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        let ticks = sysconf(Int32(_SC_CLK_TCK))
        return UInt64(clamping: time.tv_sec * ticks + time.tv_nsec * ticks / 1_000_000_000)
    }

    static func children(of parents: Set<Int32>) -> [ProcessFacts] {
        guard let folder = opendir("/proc") else { return [] }
        defer { closedir(folder) }
        var found: [ProcessFacts] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if let number = Int32(name), let facts = ProcessFacts(number), parents.contains(facts.parent) { found.append(facts) }
        }
        return found
    }

    var isThisProgram: Bool {
        var mine = stat(), its = stat()
        return stat("/proc/self/exe", &mine) == 0 && stat("/proc/\(process)/exe", &its) == 0 && mine.st_dev == its.st_dev && mine.st_ino == its.st_ino
    }

    /// Whether it was given the temporary folder of a worker, or has ended, and nobody knows.
    func isOfWorker(of supervisor: Int32) -> Bool {
        guard let variables = Self.read("/proc/\(process)/environ"), !variables.isEmpty else { return true }
        return variables.split(separator: "\0").contains { $0.hasPrefix("TMPDIR=") && $0.contains("/aquatint-\(supervisor)-") }
    }

    private static func read(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
            while bytes.count < 1 << 20 {
                let count = Glibc.read(file, buffer.baseAddress, buffer.count)
                guard count > 0 else { return }
                bytes += buffer[..<count]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
