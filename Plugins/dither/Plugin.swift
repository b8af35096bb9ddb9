import AquatintPlugin

private let plugin = Plugin(name: "aquatint.dither", version: "1.0.0", vendor: "Aquatint", stages: [Dither.self])

@c(aqt_plugin_entry_v1)
public func entry() -> UnsafeRawPointer { plugin.entry }
