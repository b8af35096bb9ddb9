import AquatintPlugin

private let plugin = Plugin(name: "{{id}}", version: "1.0.0", vendor: "{{vendor}}", stages: [{{Name}}Effect.self])

/// What Aquatint calls when it loads the library.
@c(aqt_plugin_entry_v1)
public func entry() -> UnsafeRawPointer { plugin.entry }
