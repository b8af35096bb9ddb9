/// Where a run keeps what it has found out and may need again: nothing that a result depends on is lost with it.
public enum CacheLocation {
    /// `off` for none, or a folder in place of the usual one.
    public static let variable = "AQUATINT_CACHE"

    /// The folder: what `$AQUATINT_CACHE` says, else `aquatint` in `$XDG_CACHE_HOME` or `~/.cache`; nil for none.
    ///
    /// - Parameter current: the folder that a relative `$AQUATINT_CACHE` is taken from.
    public static func folder(environment: [String: String], current: String) -> String? {
        if let given = environment[variable], !given.isEmpty {
            if given == "off" { return nil }
            return given.hasPrefix("/") ? given : "\(current)/\(given)"
        }
        // The specification has relative values ignored.
        if let base = environment["XDG_CACHE_HOME"], base.hasPrefix("/") { return "\(base)/aquatint" }
        if let home = environment["HOME"], home.hasPrefix("/") { return "\(home)/.cache/aquatint" }
        return nil
    }
}
