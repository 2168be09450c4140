"""How heads are turned, seen and cropped, for one picture or a batch."""

import torch

DISTANCE = 1.25  # [m] of the camera from the head frame's origin
PIVOT = (0.0, -0.060, -0.105)  # the head turns round it
BODY_SHARES = (0.45, 0.15, 0.10)  # of yaw, pitch and roll that the shoulders follow


class Views:
    """Cameras whose crops FFHQ's rule sets.

    Args:
        angles: [B, 3] yaw (to the image's right), pitch (up) and roll [rad].
        anchors: [B, 4, 3] centres of the right and the left eye, corners of the mouth on the
            image's left and right, on the unturned head.
    """

    def __init__(self, angles: torch.Tensor, anchors: torch.Tensor) -> None:
        self.head = rotations(angles)  # [B, 3, 3]
        self.body = rotations(angles * torch.tensor(BODY_SHARES).to(angles))
        self._pivot = torch.tensor(PIVOT).to(angles)
        flip = torch.tensor([1.0, -1.0]).to(angles)  # FFHQ's y points down
        right, left, corner_right, corner_left = (_plane(self.turned(anchors)) * flip).unbind(1)
        eyes, mouth = (right + left) / 2, (corner_right + corner_left) / 2
        across, down = left - right, mouth - eyes
        x = across - torch.stack([-down[:, 1], down[:, 0]], 1)
        x = x / x.norm(dim=1, keepdim=True)
        size = torch.maximum(across.norm(dim=1) * 2.0, down.norm(dim=1) * 1.8)
        x = x * size[:, None]
        y = torch.stack([-x[:, 1], x[:, 0]], 1)
        frame = torch.stack([x, y], 1) / x.square().sum(1)[:, None, None]
        # of the image plane (x/w, z/w) to −1…1, x right and y up
        self.frame = flip[:, None] * frame * flip  # [B, 2, 2]
        self.offset = -(self.frame @ ((eyes + down * 0.1) * flip)[:, :, None])[..., 0]  # [B, 2]

    def turned(self, points: torch.Tensor, turn: torch.Tensor | None = None) -> torch.Tensor:
        """Points [B, P, 3] turned, each following the head by its share [P] if it is not whole."""
        relative = points - self._pivot
        turned = relative @ self.head.transpose(1, 2)
        if turn is not None:
            share = turn[:, None]
            turned = turned * share + relative @ self.body.transpose(1, 2) * (1 - share)
        return turned + self._pivot

    def project(self, points: torch.Tensor, turn: torch.Tensor | None = None) -> torch.Tensor:
        """Points [B, P, 3] of the head frame → −1…1 [B, P, 2], x right and y up."""
        plane = _plane(self.turned(points, turn))
        return plane @ self.frame.transpose(1, 2) + self.offset[:, None]


def _plane(points: torch.Tensor) -> torch.Tensor:
    return points[..., [0, 2]] / (points[..., 1:2] + DISTANCE)


def rotations(angles: torch.Tensor) -> torch.Tensor:
    """Turns [B, 3, 3] by yaw (to the image's right), pitch (up) and roll [B, 3] in radians."""
    yaw, pitch, roll = angles[:, 0], -angles[:, 1], angles[:, 2]
    zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)

    def matrix(*rows: torch.Tensor) -> torch.Tensor:
        return torch.stack(rows, 1).unflatten(1, (3, 3))

    (cz, sz), (cx, sx), (cy, sy) = ((a.cos(), a.sin()) for a in (yaw, pitch, roll))
    about_z = matrix(cz, -sz, zero, sz, cz, zero, zero, zero, one)
    about_x = matrix(one, zero, zero, zero, cx, -sx, zero, sx, cx)
    about_y = matrix(cy, zero, sy, zero, one, zero, -sy, zero, cy)
    return about_z @ about_x @ about_y
