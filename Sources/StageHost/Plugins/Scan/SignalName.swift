internal import Foundation

/// Signals that end a process, in words.
public enum SignalName {
    /// `SIGSEGV`.
    static func name(_ signal: Int32) -> String { text(signal).components(separatedBy: " (")[0] }

    /// `SIGSEGV (a bad memory access)`.
    public static func text(_ signal: Int32) -> String {
        switch signal {
        case SIGSEGV: "SIGSEGV (a bad memory access)"
        case SIGBUS: "SIGBUS (a bad memory access, or a file that was cut short)"
        case SIGABRT: "SIGABRT (it gave itself up)"
        case SIGILL: "SIGILL (a trap: Swift's runtime checks end so; or an instruction that this processor has not)"
        case SIGTRAP: "SIGTRAP (a trap: Swift's runtime checks may end so)"
        case SIGFPE: "SIGFPE (a division by zero)"
        case SIGKILL: "SIGKILL (killed, perhaps for want of memory)"
        case SIGSYS: "SIGSYS (a forbidden system call)"
        case SIGALRM: "SIGALRM (an alarm that was set)"
        case SIGVTALRM: "SIGVTALRM (an alarm that was set)"
        case SIGPROF: "SIGPROF (an alarm that was set)"
        case SIGXCPU: "SIGXCPU (a limit of processor time)"
        case SIGXFSZ: "SIGXFSZ (a file that grew beyond its limit)"
        case SIGPIPE: "SIGPIPE (a pipe that nobody reads)"
        case SIGTERM: "SIGTERM (told to end)"
        case SIGHUP: "SIGHUP (told to end)"
        case SIGINT: "SIGINT (told to end)"
        default: "signal \(signal)" + (strsignal(signal).map { " (\(String(cString: $0)))" } ?? "")
        }
    }
}
