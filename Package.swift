// swift-tools-version: 6.2
import PackageDescription

/// The same strictness everywhere: Swift 6 language mode, explicit `any`, imports private to the file that needs them.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

/// A Swift target of `Sources/`.
func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// A stage library of `Plugins/`: a Swift target and the dynamic library that `dlopen` finds as `libaqt_NAME.so`.
func plugin(_ target: String, folder: String, _ dependencies: [Target.Dependency], pictures: [String] = []) -> Target {
    .target(name: target, dependencies: dependencies, path: "Plugins/\(folder)", exclude: ["README.md"] + pictures,
            swiftSettings: strict + [.unsafeFlags(["-Xcc", "-fvisibility=hidden"])])
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: "\(name)Tests", dependencies: [.byName(name: name)] + dependencies,
                exclude: exclude, swiftSettings: strict)
}

let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "aquatint",
    products: [
        .executable(name: "aquatint", targets: ["aquatint"]),
        .library(name: "AquatintPlugin", targets: ["AquatintPlugin"]),
        .library(name: "aqt_separable_conv", type: .dynamic, targets: ["SeparableConvPlugin"]),
        .library(name: "aqt_attention", type: .dynamic, targets: ["AttentionPlugin"]),
        .library(name: "aqt_adaptive_attention", type: .dynamic, targets: ["AdaptiveAttentionPlugin"]),
        .library(name: "aqt_generator", type: .dynamic, targets: ["GeneratorPlugin"]),
        .library(name: "aqt_network", type: .dynamic, targets: ["NetworkPlugin"]),
        .library(name: "aqt_onnx", type: .dynamic, targets: ["OnnxPlugin"]),
        .library(name: "aqt_kuwahara", type: .dynamic, targets: ["KuwaharaPlugin"]),
        .library(name: "aqt_halftone", type: .dynamic, targets: ["HalftonePlugin"]),
        .library(name: "aqt_xdog", type: .dynamic, targets: ["LineDrawingPlugin"]),
        .library(name: "aqt_dither", type: .dynamic, targets: ["DitherPlugin"]),
        .library(name: "aqt_guided", type: .dynamic, targets: ["GuidedFilterPlugin"]),
    ],
    dependencies: [
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    ],
    targets: [
        .systemLibrary(name: "CVips", pkgConfig: "vips", providers: [.apt(["libvips-dev"])]),
        .target(name: "COpenVINO"),
        .target(name: "CStageMarks"),
        .target(name: "CSamples"),
        .target(name: "CDisk"),
        .target(name: "CAquatintPlugin"),
        module("Vips", ["CVips"]),
        module("PipelineLanguage", [yams]),
        .target(name: "ONNX", dependencies: [protobuf], exclude: ["Generated/generate.sh", "Generated/onnx.proto"],
                swiftSettings: strict),
        module("Networks", ["ONNX"]),
        module("Inference", ["ONNX", "COpenVINO", "ContentHash"]),
        module("AquatintPlugin", ["CAquatintPlugin"]),
        module("ContentHash", []),
        module("NeuralStages", ["AquatintPlugin", "Networks"]),
        module("StageHost", ["Vips", "PipelineLanguage", "ONNX", "Inference", "CAquatintPlugin", "CStageMarks", "CSamples", "ContentHash"]),
        module("Runner", ["Vips", "PipelineLanguage", "StageHost", "Inference", "ContentHash", "CDisk"]),
        // Installed, the Swift run-time libraries lie beside the plug-ins, which find them already loaded.
        .executableTarget(name: "aquatint",
                          dependencies: ["Runner", "StageHost", "PipelineLanguage", "Inference", "Vips", "ONNX", argumentParser], swiftSettings: strict,
                          linkerSettings: [.unsafeFlags(["-Xlinker", "-rpath", "-Xlinker", "$ORIGIN/../lib/aquatint/swift"])]),

        plugin("SeparableConvPlugin", folder: "separable_conv", ["AquatintPlugin", "Networks", "NeuralStages"]),
        plugin("AttentionPlugin", folder: "attention", ["AquatintPlugin", "Networks", "NeuralStages"]),
        plugin("AdaptiveAttentionPlugin", folder: "adaptive_attention", ["AquatintPlugin", "Networks", "NeuralStages"]),
        plugin("GeneratorPlugin", folder: "generator", ["AquatintPlugin", "Networks", "NeuralStages"]),
        plugin("NetworkPlugin", folder: "network", ["AquatintPlugin", "Networks", "NeuralStages"]),
        plugin("OnnxPlugin", folder: "onnx", ["AquatintPlugin", "ContentHash"]),
        .target(name: "KuwaharaPlugin", dependencies: ["CAquatintPlugin"], path: "Plugins/kuwahara",
                exclude: ["README.md"], cSettings: [.unsafeFlags(["-O3", "-fvisibility=hidden"])],
                linkerSettings: [.linkedLibrary("m")]),
        plugin("HalftonePlugin", folder: "halftone", ["AquatintPlugin"]),
        plugin("LineDrawingPlugin", folder: "xdog", ["AquatintPlugin"], pictures: ["xdog.jpg"]),
        plugin("DitherPlugin", folder: "dither", ["AquatintPlugin"], pictures: ["dither.jpg"]),
        plugin("GuidedFilterPlugin", folder: "guided", ["AquatintPlugin"], pictures: ["guided.jpg"]),

        // What tests of several modules share: networks made by chance, and damaged files.
        .target(name: "NetworkSamples", dependencies: ["ONNX", "Networks"], path: "Tests/NetworkSamples", swiftSettings: strict),
        .executableTarget(name: "Fuzz", dependencies: ["NetworkSamples", "ONNX", "Inference", argumentParser], path: "Tests/Fuzz", swiftSettings: strict),
        tests("Vips", []),
        tests("PipelineLanguage", []),
        tests("ONNX", ["NetworkSamples"]),
        tests("Networks", ["ONNX", "Inference", "NetworkSamples"]),
        tests("Inference", ["ONNX", "Networks", "NetworkSamples"]),
        tests("NeuralStages", ["Networks", "Inference", "StageHost"]),
        tests("AquatintPlugin", ["CAquatintPlugin"]),
        tests("StageHost", ["CAquatintPlugin", "ContentHash", "PipelineLanguage", "Vips", "ONNX", "Inference", "NetworkSamples"], exclude: ["Fixtures"]),
        tests("Runner", ["Vips", "PipelineLanguage", "StageHost", "Inference", "ContentHash"]),
        .testTarget(name: "CommandLineTests", dependencies: ["aquatint", "Vips", "Inference", "ONNX"], exclude: ["Broken", "Fixtures"], swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
