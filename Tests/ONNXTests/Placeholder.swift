import Testing
@testable import ONNX
