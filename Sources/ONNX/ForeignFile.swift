/// Recognises files that people take for ONNX models and that are something else.
enum ForeignFile {
    /// What the bytes are, as the end of a sentence that starts "this is", with what to do; nil where they are nothing known.
    static func description(of bytes: some RandomAccessCollection<UInt8>) -> String? {
        let head = Array(bytes.prefix(64))
        func starts(_ text: String, at offset: Int = 0) -> Bool { head.dropFirst(offset).starts(with: Array(text.utf8)) }
        if starts("version https://git-lfs") { return "a Git LFS pointer, not the file itself: run git lfs pull, or download the file" }
        if starts("PK\u{3}\u{4}") { return "a zip archive, as PyTorch's .pt and .pth files are: export the model with torch.onnx.export" }
        if head.starts(with: [0x80, 0x02]) || head.starts(with: [0x80, 0x04]) { return "a Python pickle, as old PyTorch files are: export the model with torch.onnx.export" }
        if head.starts(with: [0x1F, 0x8B]) { return "a gzip archive: unpack it first" }
        if head.starts(with: [0x89, 0x48, 0x44, 0x46]) { return "an HDF5 file, as Keras writes: convert it with tf2onnx" }
        if starts("TFL3", at: 4) { return "a TensorFlow Lite model: convert it with tf2onnx --tflite" }
        if starts("ORTM", at: 4) { return "an ONNX Runtime .ort file: use the .onnx file that it was made from" }
        if starts("7767517") { return "an ncnn description: use the .onnx file that it was made from" }
        if starts("<?xml") || starts("<net") { return "XML, as OpenVINO's own models are: use the .onnx file that it was made from" }
        if isSafetensors(bytes) { return "a safetensors file, which has weights and no network: export the model with torch.onnx.export, or use the stage that the weights are for" }
        if starts("<!DOCTYPE") || starts("<html") || starts("<!doctype") { return "a web page: the download was an error page" }
        if !head.isEmpty, head.allSatisfy({ $0 == 9 || $0 == 10 || $0 == 13 || (32...126).contains($0) }) { return "a text file" }
        return nil
    }

    /// Eight bytes of length, then a JSON object of that length.
    private static func isSafetensors(_ bytes: some RandomAccessCollection<UInt8>) -> Bool {
        let head = Array(bytes.prefix(9))
        guard head.count == 9, head[8] == UInt8(ascii: "{") else { return false }
        let length = head.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return length > 1 && length <= UInt64(bytes.count)
    }
}
