internal import Glibc

/// The permissions that new files are made without, as the user has set them (`umask`).
///
/// A plug-in may change them for the whole process; its outputs would have the plug-in's, which may be none.
public enum CreationMask {
    /// What the process was started with, where that was asked for before any plug-in was loaded.
    private static let atStart: mode_t = {
        // The system has no way to ask without setting.
        let mask = umask(0o077)
        umask(mask)
        return mask
    }()

    /// Takes note of it. Before any foreign code, and before the second thread.
    public static func remember() { _ = atStart }

    /// Sets it again, for the next file or folder that is made.
    static func restore() { umask(atStart) }
}
