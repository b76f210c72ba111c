"""Pure: media facts and a family's token rule in, the provider's token counts out; see each module for its source."""

from analysis_worker.tokens.audio import audio_tokens, speech_tokens
from analysis_worker.tokens.images import image_tokens
from analysis_worker.tokens.input import InputTokens, PixelChoice, input_tokens, most_tokens
from analysis_worker.tokens.output import SPEECH_BYTES_PER_SECOND, most_speech_tokens, uncounted_tokens
from analysis_worker.tokens.text import conversation_tokens, text_tokens
from analysis_worker.tokens.video import frame_list_tokens, sampled_frames, video_tokens

__all__ = [
    "SPEECH_BYTES_PER_SECOND",
    "InputTokens",
    "PixelChoice",
    "audio_tokens",
    "conversation_tokens",
    "frame_list_tokens",
    "image_tokens",
    "input_tokens",
    "most_speech_tokens",
    "most_tokens",
    "sampled_frames",
    "speech_tokens",
    "text_tokens",
    "uncounted_tokens",
    "video_tokens",
]
