internal import Glibc

/// Signals that end a process, in words.
public enum SignalName {
    /// `SIGSEGV (a bad memory access)`.
    public static func text(_ signal: Int32) -> String {
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
