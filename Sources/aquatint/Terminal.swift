import Foundation
import Glibc
import Runner

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

    /// A name or message as it may be shown: a file can be named so that a terminal would obey it.
    static func printable(_ text: String) -> String {
        // Control characters, and those that turn the direction of what follows.
        func isHidden(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format }
        guard text.unicodeScalars.contains(where: isHidden) else { return text }
        var view = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { view.append(isHidden(scalar) ? "\u{FFFD}" : scalar) }
        return String(view)
    }

    /// A name as a shell takes it.
    static func quoted(_ text: String) -> String {
        func isPlain(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isAlphabetic || scalar.properties.numericType != nil || "/._-+:,@%=".unicodeScalars.contains(scalar) }
        if !text.isEmpty, text.unicodeScalars.allSatisfy(isPlain) { return text }
        return "'" + printable(text).replacing("'", with: "'\\''") + "'"
    }

    /// One write per message, so that lines of several threads do not mix.
    static func standardError(_ text: String) { _ = write(text, to: STDERR_FILENO) }

    static func standardOutput(_ text: String) {
        guard let reason = write(text, to: STDOUT_FILENO) else { return }
        standardError("aquatint: standard output cannot be written: \(reason)\n")
        Aquatint.end(ExitStatus.inputOutput.rawValue)
    }

    /// A reader that went away, or a descriptor that was never open, is no reason to fail: `FileHandle.write` would end the process.
    ///
    /// - Returns: why not everything was written, or nil.
    private static func write(_ text: String, to descriptor: Int32) -> String? {
        let bytes = Array(text.utf8)
        var start = 0
        while start < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + start, bytes.count - start) }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN {
                // A terminal or pipe that is full, and does not wait by itself.
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&waiting, 1, -1)
                continue
            }
            guard count > 0 else { return errno == EPIPE || errno == EBADF ? nil : String(cString: strerror(errno)) }
            start += count
        }
        return nil
    }
}
