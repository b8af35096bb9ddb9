internal import Foundation
internal import Glibc
internal import StageHost
internal import Synchronization

/// A running worker process, as its supervisor holds it: the channel, and how it ends.
final class WorkerProcess: Sendable {
    let process: pid_t
    let channel: MessageChannel
    private let board: WorkerBoard
    private let folder: WorkerFolder
    private let isReaped = Mutex(false)
    private let hasBegun = Atomic<Bool>(false)

    /// How a worker ended.
    struct End: Sendable {
        /// The signal that ended it, or nil where it left by itself.
        var signal: Int32?
        /// The status that it left with.
        var status: Int32
        /// The foreign code that faulted, or the only one that was running.
        var call: WorkerBoard.Call?
        /// It said that it could not go on, and that no image was to blame.
        var gaveWay = false
        /// `call` has closed its socket.
        var isCutOff = false
    }

    private init(process: pid_t, channel: MessageChannel, board: WorkerBoard, folder: WorkerFolder) {
        (self.process, self.channel, self.board, self.folder) = (process, channel, board, folder)
    }

    /// What a worker is started with: a socket with two ends, the board and a folder.
    private struct Equipment {
        let board: WorkerBoard
        let folder: WorkerFolder
        /// The supervisor's end, and the worker's.
        let ends: [Int32]

        init() throws(RunError) {
            guard let board = WorkerBoard() else { throw WorkerProcess.failure("shared memory", errno) }
            var ends: [Int32] = [-1, -1]
            guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else { throw WorkerProcess.failure("socket", errno) }
            do throws(RunError) {
                folder = try WorkerFolder()
            } catch {
                for end in ends { close(end) }
                throw error
            }
            (self.board, self.ends) = (board, ends)
        }
    }

    private static func failure(_ what: String, _ code: Int32) -> RunError {
        let hint: String? = switch code {
        case EMFILE: "raise the number of files that a process may open (ulimit -n), or have fewer images in flight with -j"
        case ENFILE: "the machine has too many files open; have fewer images in flight with -j"
        case EAGAIN: "raise the number of processes (ulimit -u), or have fewer images in flight with -j"
        case ENOMEM: "there is no memory for it; have fewer images in flight with -j"
        default: nil
        }
        return RunError(.inputOutput, "a worker process cannot be started: \(what): \(String(cString: strerror(code)))", hint: hint)
    }

    /// Starts a worker of this very program, which loads everything anew.
    ///
    /// - Throws: `RunError` 74 where the system has no process, socket or memory for it.
    convenience init() throws(RunError) {
        let equipment = try Equipment(), ends = equipment.ends
        defer { close(ends[1]) }
        let channel = MessageChannel(descriptor: ends[0])

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // Copied to themselves, they are not closed by exec.
        for descriptor in [ends[1], equipment.board.descriptor] { posix_spawn_file_actions_adddup2(&actions, descriptor, descriptor) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        // Ctrl-C goes to every process of the terminal: it must not end this one before it can look after itself.
        var attributes = posix_spawnattr_t(), blocked = WorkerMain.supervisorsSignals
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setsigmask(&attributes, &blocked)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

        let words = ["aquatint", "worker", "--channel", "\(ends[1])", "--board", "\(equipment.board.descriptor)"]
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var environment: [UnsafeMutablePointer<CChar>?] = equipment.folder.environment.map { strdup($0) } + [nil]
        defer { for entry in environment { free(entry) } }
        var process: pid_t = 0, code: Int32 = 0
        OwnProcesses.adoptOrphans()
        _ = OwnProcesses.start {
            code = posix_spawn(&process, "/proc/self/exe", &actions, &attributes, &arguments, &environment)
            return code == 0 ? process : -1
        }
        guard code == 0 else {
            equipment.folder.remove()
            throw Self.failure("exec", code)
        }
        self.init(process: process, channel: channel, board: equipment.board, folder: equipment.folder)
    }

    /// Workers that are copies of this process as it is, with libvips and the plug-ins loaded: there in a millisecond or two, where starting the program takes as long
    /// as decoding a large JPEG.
    ///
    /// None where this process has other threads than the one that asks, which copies would lack.
    ///
    /// - Returns: as many as could be started, and why those were not all.
    /// - Throws: `RunError` 74 where there can be none.
    static func copies(_ count: Int, with library: StageLibrary) throws(RunError) -> (made: [WorkerProcess], problem: RunError?) {
        var made: [WorkerProcess] = []
        for _ in 0..<count {
            guard let threads = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task"), threads.count == 1 else { return (made, nil) }
            let equipment: Equipment
            do throws(RunError) {
                // What is left is for the run itself: its journal and report, and the files that it looks at.
                if !made.isEmpty, let left = freeDescriptors, left < descriptorsOfRun { throw failure("descriptors", EMFILE) }
                equipment = try Equipment()
            } catch {
                if made.isEmpty { throw error }
                return (made, error)
            }
            OwnProcesses.adoptOrphans()
            let process = OwnProcesses.start { WorkerBoard.fork() }
            if process == 0 {
                OwnProcesses.forgetAll()
                // Ends of other workers that stay open here would hide from those that the supervisor is gone.
                for other in made { other.closeInCopy() }
                close(equipment.ends[0])
                equipment.folder.use()
                let null = open("/dev/null", O_RDONLY)
                dup2(null, STDIN_FILENO)
                WorkerMain(channel: equipment.ends[1], board: equipment.board.descriptor) { _ in library }.run()
                _exit(0)
            }
            let code = errno
            close(equipment.ends[1])
            guard process > 0 else {
                close(equipment.ends[0])
                equipment.folder.remove()
                if made.isEmpty { throw failure("fork", code) }
                return (made, failure("fork", code))
            }
            made.append(WorkerProcess(process: process, channel: MessageChannel(descriptor: equipment.ends[0]), board: equipment.board, folder: equipment.folder))
        }
        return (made, nil)
    }

    /// Gives it its setup, once; it answers when it is ready.
    func begin(_ setup: WorkerSetup) {
        if !hasBegun.exchange(true, ordering: .relaxed) { channel.send(WorkerOrder.begin(setup)) }
    }

    private func closeInCopy() {
        close(channel.descriptor)
        close(board.descriptor)
    }

    private static let descriptorsOfRun = 20

    /// How many files this process may still open; nil where the system does not tell.
    private static var freeDescriptors: Int? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, let open = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") else { return nil }
        return Int(clamping: limit.rlim_cur) - open.count
    }

    /// Ends it at once. Safe at any time: a process that was waited for is left alone, since another may have its number.
    func kill() {
        isReaped.withLock { isReaped in
            if !isReaped { _ = Glibc.kill(process, SIGKILL) }
        }
    }

    /// Whether it has ended, though nobody may have waited for it yet.
    var hasEnded: Bool {
        isReaped.withLock { isReaped in
            var information = siginfo_t()
            return isReaped || waitid(P_PID, id_t(process), &information, WEXITED | WNOHANG | WNOWAIT) == 0 && information.si_signo == SIGCHLD
        }
    }

    /// Waits a while for its end.
    func ends(within seconds: Double) -> Bool {
        let end = ContinuousClock.now + .seconds(seconds)
        while !hasEnded {
            guard ContinuousClock.now < end else { return false }
            Thread.sleep(forTimeInterval: 0.001)
        }
        return true
    }

    /// Waits for its end. Once, by who has seen its channel close.
    func wait() -> End {
        var status: Int32 = 0
        // Known to have ended before its number is given back: `kill` must not hit another.
        var information = siginfo_t()
        while waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        isReaped.withLock { isReaped in
            while waitpid(process, &status, 0) < 0, errno == EINTR {}
            isReaped = true
        }
        OwnProcesses.forget(process)
        folder.remove()
        let signal = status & 0x7F
        if let fault = board.fault { return End(signal: signal == 0 ? fault.signal : signal, status: status >> 8 & 0xFF, call: fault.call ?? call) }
        if signal == 0, let culprit = board.cutOffBy { return End(signal: nil, status: status >> 8 & 0xFF, call: culprit, isCutOff: true) }
        return End(signal: signal == 0 ? nil : signal, status: status >> 8 & 0xFF, call: call, gaveWay: board.gaveWay)
    }

    /// What it is in the midst of, where that is one thing: on several threads, perhaps.
    var call: WorkerBoard.Call? {
        let calls = Set(board.calls)
        return calls.count == 1 ? calls.first : nil
    }

    /// The foreign code that it called last, whether that has returned or not.
    var latestCall: WorkerBoard.Call? { call ?? board.latestCall }

    /// A call that makes a stage ready, and has gone on for longer than so many seconds.
    func making(longerThan seconds: Double) -> WorkerBoard.Call? { board.call(of: ["dlopen()", "init()", "create()", "plan()", "network()"], longerThan: seconds) }

    /// How far it is with the images that it has begun, by their index.
    ///
    /// - Parameter places: how many it takes.
    func flights(places: Int) -> [(Int, Flight.Phase)] {
        board.flights(places: places).compactMap { image, phase in Flight.Phase(rawValue: phase).map { (image, $0) } }
    }

    /// Bytes that it holds; nil where it is gone.
    var resident: Int? { ProcessMemory.resident(of: process) }
    var processorTime: Double? { ProcessMemory.processorTime(of: process) }
}

extension WorkerProcess.End {
    /// `SIGSEGV (a bad memory access) in process() of the stage 'grain' of the plug-in 'acme'`.
    var description: String {
        let what = signal.map(Self.name(of:)) ?? "leaving with status \(status)"
        guard let call else { return "\(what), in libvips, a codec or the host" }
        if isCutOff { return "\(Self.name(of: call)), which closed file descriptors that are not its own" }
        return "\(what) in \(Self.name(of: call))"
    }

    static func name(of call: WorkerBoard.Call) -> String {
        if call.plugin.isEmpty { return call.function }
        return call.stage.isEmpty ? "\(call.function) of the plug-in '\(call.plugin)'" : "\(call.function) of the stage '\(call.stage)' of the plug-in '\(call.plugin)'"
    }

    static func name(of signal: Int32) -> String { SignalName.text(signal) }
}
