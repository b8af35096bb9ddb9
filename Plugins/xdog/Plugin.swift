import AquatintPlugin

private let plugin = Plugin(name: "aquatint.xdog", version: "1.0.0", vendor: "Aquatint", stages: [LineDrawing.self])

@c(aqt_plugin_entry_v1)
public func entry() -> UnsafeRawPointer { plugin.entry }
