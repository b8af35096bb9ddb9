import Testing
@testable import Inference

@Suite struct OpenVINOErrorTests {
    @Test func `a page about unsupported operators becomes their names`() {
        let text = """
            Exception from src/inference/src/cpp/core.cpp:105:
            Check 'false' failed at src/frontends/common_translators/src/unconverted_ops_report.cpp:151:
            FrontEnd API failed with OpConversionFailure:
            Model wasn't fully converted. Failed operations detailed log:
            -- Conv-18 with a message:
            The input data tensor's rank has to be known (static)

            Summary:
            -- No conversion rule found for operations: com.microsoft.extensions.EncodeImage, com.microsoft.extensions.DecodeImage
            -- Conversion is failed for: Conv-18, DepthToSpace-18
            To facilitate the conversion of unsupported operations, refer to the documentation
            """
        let error = OpenVINOError.translated(text, doing: "read the model")
        #expect(error.kind == .unsupported(operators: ["com.microsoft.extensions.DecodeImage", "com.microsoft.extensions.EncodeImage"]))
    }

    @Test func `a failed check keeps the node and the reason`() {
        let text = """
            Check 'data_rank.is_dynamic() || data_shape[1].compatible(filters_shape[1])' failed at src/core/shape_inference/include/util.hpp:307:
            While validating node 'opset1::Convolution c (opset1::Parameter image[0]:f32[1,4,64,64]) -> (f32[1,64,64,64])' with friendly_name 'c':
            Data batch channel count (4) does not match filter input channel count (3).


            """
        #expect(OpenVINOError.translated(text, doing: "reshape").message
            == "could not reshape: in node 'c': Data batch channel count (4) does not match filter input channel count (3)")
    }

    @Test func `a failed allocation is out of memory`() {
        let text = "Exception from src/inference/src/cpp/core.cpp:117:\nException from src/core/src/runtime/allocator.cpp:79:\nstd::bad_alloc\n\n"
        #expect(OpenVINOError.translated(text, doing: "compile") == EngineError(.outOfMemory, "out of memory: could not compile"))
    }

    @Test func `a text without any known form is kept, on one line and bounded`() {
        #expect(OpenVINOError.condensed("first\n  second.\n") == "first second")
        #expect(OpenVINOError.condensed("") == "OpenVINO gave no reason")
        #expect(OpenVINOError.condensed(String(repeating: "x", count: 5000)).count == 603)
    }
}
