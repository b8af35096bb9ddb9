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

    /// How a worker ended.
    struct End: Sendable {
        /// The signal that ended it, or nil where it left by itself.
        var signal: Int32?
        /// The status that it left with.
        var status: Int32
        /// The foreign code that faulted, or the only one that was running.
        var call: WorkerBoard.Call?
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
        RunError(.inputOutput, "a worker process cannot be started: \(what): \(String(cString: strerror(code)))")
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
        // The copies are not closed by exec.
        for (from, to) in zip([ends[1], equipment.board.descriptor], [Self.channelNumber, Self.boardNumber]) { posix_spawn_file_actions_adddup2(&actions, from, to) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)

        let words = ["aquatint", "worker", "--channel", "\(Self.channelNumber)", "--board", "\(Self.boardNumber)"]
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var environment: [UnsafeMutablePointer<CChar>?] = equipment.folder.environment.map { strdup($0) } + [nil]
        defer { for entry in environment { free(entry) } }
        var process: pid_t = 0
        let code = posix_spawn(&process, "/proc/self/exe", &actions, nil, &arguments, &environment)
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
    static func copies(_ count: Int, with library: StageLibrary) throws(RunError) -> [WorkerProcess] {
        var made: [WorkerProcess] = []
        for _ in 0..<count {
            guard let threads = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task"), threads.count == 1 else { return made }
            let equipment = try Equipment()
            let process = WorkerBoard.fork()
            if process == 0 {
                // Ends of other workers that stay open here would hide from those that the supervisor is gone.
                for other in made { close(other.channel.descriptor) }
                close(equipment.ends[0])
                equipment.folder.use()
                let null = open("/dev/null", O_RDONLY)
                dup2(null, STDIN_FILENO)
                WorkerMain(channel: equipment.ends[1], board: equipment.board.descriptor) { _ in library }.run()
                _exit(0)
            }
            close(equipment.ends[1])
            guard process > 0 else {
                close(equipment.ends[0])
                equipment.folder.remove()
                return made
            }
            made.append(WorkerProcess(process: process, channel: MessageChannel(descriptor: equipment.ends[0]), board: equipment.board, folder: equipment.folder))
        }
        return made
    }

    private static let channelNumber: Int32 = 200
    private static let boardNumber: Int32 = 201

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
        folder.remove()
        let signal = status & 0x7F
        let calls = board.calls
        if let fault = board.fault { return End(signal: signal == 0 ? fault.signal : signal, status: status >> 8 & 0xFF, call: fault.call ?? (calls.count == 1 ? calls[0] : nil)) }
        return End(signal: signal == 0 ? nil : signal, status: status >> 8 & 0xFF, call: calls.count == 1 ? calls[0] : nil)
    }

    /// What it is in the midst of, where that is one thing.
    var call: WorkerBoard.Call? {
        let calls = board.calls
        return calls.count == 1 ? calls[0] : nil
    }

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
        return "\(what) in \(Self.name(of: call))"
    }

    static func name(of call: WorkerBoard.Call) -> String {
        if call.plugin.isEmpty { return call.function }
        return call.stage.isEmpty ? "\(call.function) of the plug-in '\(call.plugin)'" : "\(call.function) of the stage '\(call.stage)' of the plug-in '\(call.plugin)'"
    }

    static func name(of signal: Int32) -> String {
        switch signal {
        case SIGSEGV: "SIGSEGV (a bad memory access)"
        case SIGBUS: "SIGBUS (a bad memory access, or a file that was cut short)"
        case SIGABRT: "SIGABRT (it gave itself up)"
        case SIGILL: "SIGILL (an instruction that this processor has not, or a trap)"
        case SIGTRAP: "SIGTRAP (a trap)"
        case SIGFPE: "SIGFPE (a division by zero)"
        case SIGKILL: "SIGKILL (killed, perhaps for want of memory)"
        case SIGSYS: "SIGSYS (a forbidden system call)"
        default: "signal \(signal)"
        }
    }
}
