public import AquatintPlugin

/// The parameters that every stage of one trained module has.
extension Parameter {
    /// `weights`: the file that the module was trained into.
    public static let weights = Parameter.file("weights", required: true, doc: """
        The trained weights: a safetensors file with the tensor names of the PyTorch module's state_dict().
        """)

    /// `in_channels`.
    public static let inChannels = channels("in_channels", doc: "Bands that the network takes; 0: as many as the weights say.")

    /// `out_channels`.
    public static let outChannels = channels("out_channels", doc: "Bands that the network makes; 0: as many as the weights say.")

    /// A number of channels; 0, the default, stands for what the weights say.
    public static func channels(_ name: String, doc: String) -> Parameter {
        .int(name, default: 0, in: 0...65_536, unit: "bands", doc: doc)
    }
}
