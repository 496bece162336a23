/// A photo's brightness, small enough to be judged at once.
public enum Brightness {
    private static let longerSide = 1000

    /// Every n-th pixel of a picture in RGBA, four bytes a pixel, as the eye weighs red, green and blue.
    public static func of(width: Int, height: Int, rgba: [UInt8]) -> (width: Int, height: Int, pixels: [UInt8]) {
        let step = max(1, (max(width, height) + longerSide - 1) / longerSide)
        let (across, down) = (width / step, height / step)
        var pixels = [UInt8](repeating: 0, count: across * down)
        for y in 0..<down {
            for x in 0..<across {
                let at = (y * step * width + x * step) * 4
                let (red, green, blue) = (Int(rgba[at]), Int(rgba[at + 1]), Int(rgba[at + 2]))
                pixels[y * across + x] = UInt8((red * 299 + green * 587 + blue * 114) / 1000)
            }
        }
        return (across, down, pixels)
    }
}
