import Foundation

/// Standard error as a person sees it: colour only where it is wanted and understood, a bar only where it can be redrawn.
struct Terminal: Sendable {
    enum Colour: String, CaseIterable, Sendable { case auto, always, never }

    let isInteractive: Bool
    let hasColour: Bool

    init(colour: Colour) {
        let environment = ProcessInfo.processInfo.environment
        isInteractive = isatty(STDERR_FILENO) == 1 && environment["TERM"] != "dumb"
        hasColour = switch colour {
        case .always: true
        case .never: false
        case .auto: isInteractive && (environment["NO_COLOR"] ?? "").isEmpty
        }
    }

    /// Columns of the terminal, 80 where it does not say.
    var width: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    func bold(_ text: String) -> String { hasColour ? "\u{1B}[1m\(text)\u{1B}[0m" : text }
    func red(_ text: String) -> String { hasColour ? "\u{1B}[31m\(text)\u{1B}[0m" : text }
    func yellow(_ text: String) -> String { hasColour ? "\u{1B}[33m\(text)\u{1B}[0m" : text }
    func dim(_ text: String) -> String { hasColour ? "\u{1B}[2m\(text)\u{1B}[0m" : text }

    /// One write per message, so that lines of several threads do not mix.
    static func standardError(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
    static func standardOutput(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }
}
